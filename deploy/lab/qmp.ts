import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { HostlerError } from '../../shared/errors/error.ts';

/** One command to a QEMU monitor (QMP) on a unix socket, e.g. `system_reset`, `system_powerdown`, `quit`. */
export async function qmp(socketPath: string, command: string, timeoutMs = 10_000): Promise<void> {
  const socket = connect(socketPath);
  socket.setTimeout(timeoutMs, () => socket.destroy(new Error('no answer')));
  let step = 0;
  try {
    await new Promise<void>((resolve, reject) => {
      socket.on('error', reject);
      socket.on('close', () => reject(new Error('it closed the connection')));
      createInterface({ input: socket }).on('line', (line) => {
        const message: unknown = JSON.parse(line);
        if (typeof message !== 'object' || message === null || 'event' in message) return;
        if ('error' in message) reject(new Error(JSON.stringify(message.error)));
        else if (step === 2) resolve();
        else {
          socket.write(`${JSON.stringify({ execute: step === 0 ? 'qmp_capabilities' : command })}\n`);
          step += 1;
        }
      });
    });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new HostlerError('unavailable', `The virtual machine's monitor did not take ${command}: ${reason}.`, {
      cause,
    });
  } finally {
    socket.destroy();
  }
}
