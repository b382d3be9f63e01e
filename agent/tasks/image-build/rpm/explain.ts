import { HostlerError } from '../../../../shared/errors/error.ts';
import { processFailure } from '../../../../shared/process/failure.ts';

const mostLines = 12;

/** Names that no repository knows. */
export function unknownPackages(names: readonly string[]): HostlerError {
  const list = names.join(', ');
  const groups = names.every((name) => name.startsWith('@'));
  const what = groups ? 'package group' : 'package';
  return new HostlerError(
    'not_found',
    names.length === 1
      ? `The ${what} ${list} does not exist in the sources of this build. Correct its name in the pkglist, or name a source that has it in pkgdir.`
      : `These ${what}s do not exist in the sources of this build: ${list}. Correct their names in the pkglist, or name a source that has them in pkgdir.`,
  );
}

/** The package manager's own words, the failing package's first. Rethrows what is no failure of a program. */
export function explainRpm(error: unknown, what: string): HostlerError {
  const failure = processFailure(error);
  if (failure === undefined) throw error;
  return explainOutput(`${failure.stdout}\n${failure.stderr}`, what, error);
}

export function explainOutput(output: string, what: string, cause?: unknown): HostlerError {
  const lines = output
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^(?:warning|Warning): Enforced setting/.test(line) && !isRemark(line));
  if (lines.some((line) => /No space left on device|more space needed on|not enough (?:free )?space/i.test(line))) {
    return new HostlerError(
      'resource_exhausted',
      `${what}: the disk is full (No space left on device). What was half made is taken away again.`,
      { cause },
    );
  }
  const unreachable = lines.some((line) =>
    /Failed to download|Cannot download|Curl error|Could not resolve|Valid metadata not found|Timeout exceeded|not found on medium|does not contain the desired medium|Download \(curl\) error/i.test(
      line,
    ),
  );
  return new HostlerError(
    unreachable ? 'unavailable' : 'failed_precondition',
    `${what}: RPM package manager invocation failed\n${excerpt(lines).join('\n')}`,
    { cause },
  );
}

function excerpt(lines: readonly string[]): string[] {
  // What a script printed stands right before the complaint about it.
  const script = lines.findIndex((line) =>
    /scriptlet failed|Error in (?:PRE|POST)\w* scriptlet|scriptlet.*exit status/.test(line),
  );
  if (script >= 0) return lines.slice(Math.max(0, script - 5), script + 3);
  const since = lines.findIndex((line) => /^(?:Error|Problem)\b|^Problem: /.test(line));
  if (since < 0) return lines.slice(-mostLines);
  // zypper: "Problem occurred during or after installation", and what it was stands before.
  const before = (lines[since] ?? '').startsWith('Problem occurred') ? 4 : 0;
  return lines.slice(Math.max(0, since - before), since + mostLines);
}

/** Lines about scripts that failed without stopping anything: the tree is made, and may not work. */
export function scriptWarnings(output: string): string[] {
  const found = output.split('\n').flatMap((line) => {
    const match = /(%\w+)\(([^)]+)\) scriptlet failed, (exit status \d+|signal \d+)/.exec(line);
    return match === null
      ? []
      : [`Warning: the script ${match[1] ?? ''} of ${match[2] ?? ''} failed (${match[3] ?? ''}).`];
  });
  return [...new Set(found)];
}

/** What Debian's rpm says whenever it is called. */
export function isRemark(line: string): boolean {
  return /^rpm: (?:RPM should not be used directly|However assuming you know)/.test(line);
}
