import { access, constants } from 'node:fs/promises';
import { HostlerError } from '../../shared/errors/error.ts';
import { run } from '../../shared/process/run.ts';
import { emulator } from './vm.ts';

/**
 * Does KVM really work here? On some hosts /dev/kvm exists and is useless (real-lab.md "KVM"): a kernel must say
 * `Linux version` on the serial line within ten seconds. `kernel`: any x86-64 Linux kernel.
 */
export async function probeKvm(kernel: string, signal?: AbortSignal): Promise<boolean> {
  try {
    await access('/dev/kvm', constants.R_OK | constants.W_OK);
  } catch {
    return false;
  }
  const heard = new AbortController();
  try {
    await run(
      emulator(),
      [
        ...['-machine', 'q35', '-accel', 'kvm', '-cpu', 'host,-arch-capabilities', '-smp', '1', '-m', '256'],
        ...['-nodefaults', '-display', 'none', '-no-user-config', '-no-reboot', '-serial', 'stdio'],
        ...['-kernel', kernel, '-append', 'console=ttyS0 panic=-1'],
      ],
      {
        signal: AbortSignal.any([heard.signal, ...(signal ? [signal] : [])]),
        timeoutMs: 10_000,
        graceMs: 500,
        onLine: (line) => {
          if (line.includes('Linux version')) heard.abort(new HostlerError('cancelled', 'heard enough'));
        },
      },
    );
    return false;
  } catch (error) {
    signal?.throwIfAborted();
    if (!heard.signal.aborted && !(error instanceof HostlerError)) throw error;
    return heard.signal.aborted;
  }
}

/** kvm where the probe succeeds, else tcg. */
export async function chooseAccel(kernel: string, signal?: AbortSignal): Promise<'kvm' | 'tcg'> {
  return (await probeKvm(kernel, signal)) ? 'kvm' : 'tcg';
}
