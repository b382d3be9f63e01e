import { HostlerError } from '../../../../shared/errors/error.ts';
import type { ErrorCode } from '../../../../shared/errors/error.ts';

/** What dpkg and apt say of what they do next. */
const dpkgStep =
  /^(?:Setting up |Unpacking |Preparing to unpack |Removing |Purging |Processing triggers |Selecting |\(Reading |Chrooting )/;

/** Longest excerpt of a program's own words in an error. */
const mostLines = 12;

/** What apt, dpkg or mmdebstrap said went wrong, the failing package's own message first. */
export function explainApt(output: string, what: string, cause?: unknown): HostlerError {
  // What a carriage return overwrote was progress.
  const lines = output.split('\n').map((line) => line.trimEnd().replace(/^.*\r/, ''));
  const missing = [...new Set(lines.flatMap(missingPackage))];
  if (missing.length > 0) {
    const names = missing.join(', ');
    return new HostlerError(
      'not_found',
      missing.length === 1
        ? `The package ${names} does not exist in the sources of this build. Correct its name in the pkglist, or name a source that has it in pkgdir.`
        : `These packages do not exist in the sources of this build: ${names}. Correct their names in the pkglist, or name a source that has them in pkgdir.`,
      { cause },
    );
  }
  if (
    lines.some((line) => /No space left on device|not enough free space|You don't have enough free space/.test(line))
  ) {
    return new HostlerError(
      'resource_exhausted',
      `${what}: the disk is full (No space left on device). What was half made is taken away again.`,
      { cause },
    );
  }
  const telling = excerpt(lines);
  return new HostlerError(codeOf(lines), `${what}:\n${telling.join('\n')}`, { cause });
}

function missingPackage(line: string): string[] {
  const match =
    /^E: Unable to locate package (\S+)/.exec(line) ?? /^E: Package '([^']+)' has no installation candidate/.exec(line);
  return match?.[1] === undefined ? [] : [match[1]];
}

function codeOf(lines: readonly string[]): ErrorCode {
  return lines.some((line) =>
    /^E: Failed to fetch|Could not resolve|Connection (?:failed|timed out|refused)/.test(line),
  )
    ? 'unavailable'
    : 'failed_precondition';
}

function excerpt(lines: readonly string[]): string[] {
  const complaint = lines.findIndex((line) => /^dpkg: error processing (?:package|archive)/.test(line));
  if (complaint >= 0) {
    // What the package's own script printed stands between the line that dpkg began it with and dpkg's complaint.
    const began = lines.slice(0, complaint).findLastIndex((line) => dpkgStep.test(line));
    const own = lines.slice(Math.max(began + 1, complaint - mostLines), complaint);
    return [...own, ...lines.slice(complaint, complaint + 2)].filter((line) => line !== '');
  }
  const errors = lines.filter(
    (line) =>
      /^\s*(?:E|Err|W|dpkg|gpgv?|The following packages have unmet|.* : Depends):?/.test(line) &&
      !line.startsWith('W: Download'),
  );
  const unmet = lines.findIndex((line) => line.startsWith('The following packages have unmet dependencies'));
  const found =
    unmet >= 0 ? lines.slice(unmet, unmet + mostLines) : errors.filter((line) => /^(?:E|Err|dpkg)/.test(line));
  const chosen = (found.length > 0 ? found : lines).filter(
    (line) => line !== '' && !line.startsWith('E: mmdebstrap failed'),
  );
  return chosen.slice(-mostLines);
}
