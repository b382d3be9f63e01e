import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Runs a line of shell on a laboratory machine and resolves with what it printed (both streams). The machine's second
 * serial line is a Unix socket here and a shell there (golden-marks.ts), so nothing of it goes over the network.
 * Rejects when the line ends with another code than 0, or not within `timeoutMs`.
 */
export async function onMachine(socketPath: string, line: string, timeoutMs = 60_000): Promise<string> {
  const word = `end-${randomBytes(6).toString('hex')}`;
  const socket = connect(socketPath);
  let text = '';
  let broken: Error | undefined;
  socket.setEncoding('utf8').on('data', (piece: string) => (text += piece));
  socket.on('error', (error) => (broken = error));
  try {
    // The shell does not echo; a first line end closes whatever an earlier caller left half said.
    socket.write(`\n{ ${line}\n} </dev/null 2>&1; echo "${word} $?"\n`);
    const until = Date.now() + timeoutMs;
    for (;;) {
      const end = text.replaceAll('\r', '').match(new RegExp(`^([^]*?)${word} (\\d+)\n`));
      if (end?.[2] === '0') return end[1] ?? '';
      if (end !== null) throw new Error(`'${line}' ended with ${end[2]}: ${end[1]}`);
      if (broken !== undefined) throw broken;
      if (Date.now() > until) throw new Error(`'${line}' did not end within ${timeoutMs / 1000} s: ${text}`);
      await delay(100);
    }
  } finally {
    socket.destroy();
  }
}
