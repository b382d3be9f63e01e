import { HostlerError } from '../../../shared/errors/error.ts';
import { meaningfulLines, processFailure } from '../../../shared/process/failure.ts';
import { run } from '../../../shared/process/run.ts';
import { which } from '../../../shared/process/which.ts';
import type { FileCheck } from '../../../shared/task/files.ts';

const patience = 60_000;

function argumentsOf(check: FileCheck, path: string): readonly string[] {
  if (check.by === 'dnsmasq') return ['--test', `--conf-file=${path}`];
  if (check.by === 'kea-dhcp4') return ['-t', path];
  if (check.by === 'dhcpd') return ['-t', '-cf', path];
  if (check.by === 'named-checkzone') return ['-q', check.zone, path];
  return [path];
}

/**
 * Asks the program itself whether it can read the file at `path`, which is to become `target`. False: the program is not
 * installed. Throws `failed_precondition` with what the program said.
 */
export async function accepts(check: FileCheck, path: string, target: string, signal: AbortSignal): Promise<boolean> {
  const program = which(check.by);
  if (program === undefined) return false;
  try {
    await run(program, argumentsOf(check, path), { signal, timeoutMs: patience });
    return true;
  } catch (cause) {
    const failure = processFailure(cause);
    if (failure === undefined) throw cause;
    const said = (meaningfulLines(failure.stderr) || meaningfulLines(failure.stdout)).slice(0, 1000);
    throw new HostlerError(
      'failed_precondition',
      `${check.by} does not accept what was to become ${target}, so nothing was changed: ${said}`,
      { cause },
    );
  }
}
