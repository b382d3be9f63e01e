import { isAbsolute, posix } from 'node:path';
import { HostlerError } from '../../../shared/errors/error.ts';

/** One line of a synclist that puts content into an image (facts section 9). */
export interface SyncEntry {
  readonly how: 'copy' | 'append' | 'merge';
  /** Absolute, may hold `*`, `?` and `[...]`. */
  readonly sources: readonly string[];
  /** Absolute path in the image; with a slash at its end, or with several sources: a folder. */
  readonly destination: string;
  readonly intoFolder: boolean;
}

export interface Synclist {
  readonly entries: readonly SyncEntry[];
  /** What is not done while packing, a sentence each: scripts, lines for some nodes only. */
  readonly remarks: readonly string[];
}

const mostLines = 100_000;
const sections = ['EXECUTE:', 'EXECUTEALWAYS:', 'APPEND:', 'MERGE:'];
const mergeable = ['/etc/passwd', '/etc/shadow', '/etc/group'];

/** Throws `invalid_argument` with file and line for what is no synclist. `name`: of the file, for messages. */
export function parseSynclist(name: string, text: string): Synclist {
  const entries: SyncEntry[] = [];
  const remarks: string[] = [];
  let section = '';
  const lines = text.split('\n');
  if (lines.length > mostLines) {
    throw new HostlerError('invalid_argument', `The synclist ${name} has more than ${mostLines} lines.`);
  }
  for (const [index, raw] of lines.entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    if (sections.includes(line)) section = line;
    else if (section.startsWith('EXECUTE'))
      remarks.push(`${name}: the script ${line} runs on nodes, not while packing.`);
    else {
      const [left = '', right] = line.split(/\s*->\s*/);
      if (right === undefined || left === '' || right === '') {
        throw new HostlerError(
          'invalid_argument',
          `${name}, line ${index + 1}: ${JSON.stringify(line.slice(0, 200))} is not 'SOURCE ... -> DESTINATION'.`,
        );
      }
      if (right.startsWith('(')) remarks.push(`${name}: ${line} is for some nodes only; it is not packed.`);
      else entries.push(entryOf(section, left.split(/\s+/), right, `${name}, line ${index + 1}`));
    }
  }
  return { entries, remarks };
}

function entryOf(section: string, sources: readonly string[], right: string, where: string): SyncEntry {
  const how = section === 'APPEND:' ? 'append' : section === 'MERGE:' ? 'merge' : 'copy';
  for (const source of sources) {
    if (!isAbsolute(source)) {
      throw new HostlerError('invalid_argument', `${where}: the source ${source} must be an absolute path.`);
    }
  }
  // A relative destination means: where it is here.
  const given = isAbsolute(right) ? right : posix.join(posix.dirname(sources[0] ?? '/'), right);
  if (given.split('/').includes('..') || given.includes('\0')) {
    throw new HostlerError('invalid_argument', `${where}: the destination ${right} must not contain ..`);
  }
  const destination = posix.normalize(given);
  if (how === 'merge' && !mergeable.includes(destination)) {
    throw new HostlerError('invalid_argument', `${where}: MERGE goes into ${mergeable.join(', ')} only.`);
  }
  return { how, sources, destination, intoFolder: destination.endsWith('/') || sources.length > 1 };
}

/** Accounts of `more` into a file of accounts: a line of the same name is replaced, others are added at the end. */
export function mergeAccounts(text: string, more: string): string {
  const fresh = new Map<string, string>();
  for (const line of more.split('\n')) if (line.trim() !== '') fresh.set(line.split(':', 1)[0] ?? '', line);
  const merged = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const name = line.split(':', 1)[0] ?? '';
      const other = fresh.get(name);
      fresh.delete(name);
      return other ?? line;
    });
  return [...merged, ...fresh.values(), ''].join('\n');
}
