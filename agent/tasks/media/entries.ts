import { posix } from 'node:path';
import { HostlerError } from '../../../shared/errors/error.ts';
import { printable } from '../../../shared/process/printable.ts';
import type { MediumEntry } from './medium.ts';

/** What of a medium is copied. */
export interface Wanted {
  /** Those above before those below. */
  readonly folders: readonly string[];
  readonly files: readonly MediumEntry[];
  readonly links: readonly MediumEntry[];
  /** What is left out and why, a sentence each. */
  readonly warnings: readonly string[];
}

const mostWarnings = 20;

/**
 * Everything that stays inside the folder it is copied to. Throws `invalid_argument` for names that are not meant to:
 * no mastering program writes them.
 */
export function wantedEntries(entries: readonly MediumEntry[]): Wanted {
  const folders = new Set<string>();
  const files: MediumEntry[] = [];
  const links: MediumEntry[] = [];
  const warnings: string[] = [];
  const seen = new Set<string>();
  for (const entry of entries) {
    const shown = printable(entry.path.slice(0, 200));
    if (entry.kind === 'other') {
      warnings.push(`${shown} was left out: it is neither file, folder nor link.`);
      continue;
    }
    if (!isPlainPath(entry.path) || seen.has(entry.path)) {
      throw new HostlerError(
        'invalid_argument',
        `The medium was not copied: the name ${shown} on it is not one that a medium can have.`,
      );
    }
    seen.add(entry.path);
    if (entry.kind === 'folder') folders.add(entry.path);
    else if (entry.kind === 'file') files.push(entry);
    else if (staysInside(entry)) links.push(entry);
    else
      warnings.push(`The link ${shown} was left out: ${printable(entry.link.slice(0, 200))} is outside of the medium.`);
  }
  for (const { path } of [...files, ...links, ...[...folders].map((path) => ({ path }))]) {
    const above = posix.dirname(path);
    if (above === '.' || folders.has(above)) continue;
    throw new HostlerError(
      'invalid_argument',
      `The medium was not copied: ${printable(path.slice(0, 200))} on it is in no folder.`,
    );
  }
  const more = warnings.length - mostWarnings;
  return {
    folders: [...folders].sort(),
    files,
    links,
    warnings: more > 0 ? [...warnings.slice(0, mostWarnings), `${more} more were left out.`] : warnings,
  };
}

function isPlainPath(path: string): boolean {
  if (path.length > 4000 || /[\u0000-\u001f\u007f]/.test(path)) return false;
  return path
    .split('/')
    .every((part) => part !== '' && part !== '.' && part !== '..' && Buffer.byteLength(part) <= 255);
}

/**
 * `..` may only stand at the beginning of a target, where it means what it says: behind another link it would mean
 * something else.
 */
function staysInside({ path, link }: MediumEntry): boolean {
  if (link === '' || link.startsWith('/') || link.includes('\0')) return false;
  const parts = link.split('/').filter((part) => part !== '' && part !== '.');
  const up = parts.findIndex((part) => part !== '..');
  const steps = up < 0 ? parts.length : up;
  return steps <= path.split('/').length - 1 && !parts.slice(steps).includes('..');
}
