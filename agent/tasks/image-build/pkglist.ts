import { dirname, isAbsolute, join } from 'node:path';
import { HostlerError } from '../../../shared/errors/error.ts';
import { ListBounds } from './list-bounds.ts';

/** What is installed by one call of the package manager. */
export interface Pass {
  readonly packages: readonly string[];
  /** `-name`: must not be there; taken out before this pass installs. */
  readonly remove: readonly string[];
  /** `--name`: taken out after this pass. */
  readonly removeAfter: readonly string[];
  /** `#ENV:A=1 B=2#`: environment of this call. */
  readonly environment: Readonly<Record<string, string>>;
}

export interface PkglistReader {
  /** Throws when the file cannot be read. */
  read(path: string): Promise<string>;
  /** osimage.environvar: replaces `$NAME` in the paths of includes. */
  readonly environment: Readonly<Record<string, string>>;
}

interface Draft {
  packages: string[];
  remove: string[];
  removeAfter: string[];
  environment: Record<string, string>;
}

/**
 * Package lists as administrators of xCAT write them (facts section 9, man pkglist): names, one or several a line with
 * commas; `#` comments; `#INCLUDE:file#`, `#NEW_INSTALL_LIST#`, `#ENV:A=1 B=2#`; `-name`, `--name`; `@group`.
 * Throws `invalid_argument` for what cannot be understood and `not_found` for files that cannot be read, all at once.
 */
export async function readPkglists(files: readonly string[], reader: PkglistReader): Promise<readonly Pass[]> {
  const passes: Draft[] = [emptyPass()];
  const unreadable: string[] = [];
  const bounds = new ListBounds('package list');

  const take = async (file: string, above: readonly string[]): Promise<void> => {
    bounds.enter(file, above);
    let text: string;
    try {
      text = await reader.read(file);
    } catch (error) {
      unreadable.push(error instanceof HostlerError ? error.message : file);
      return;
    }
    for (const [index, raw] of bounds.read(text).split('\n').entries()) {
      bounds.line();
      const line = raw.trim();
      if (line === '') continue;
      if (!line.startsWith('#')) takeNames(line, lastOf(passes), `${file} line ${index + 1}`);
      else if (line === '#NEW_INSTALL_LIST#') passes.push(emptyPass());
      else if (line.startsWith('#ENV:')) takeEnvironment(line, lastOf(passes), `${file} line ${index + 1}`);
      else {
        const included = /^#INCLUDE:\s*(.+?)\s*#$/.exec(line)?.[1];
        if (included !== undefined) await take(includedPath(included, file, reader.environment), [...above, file]);
      }
    }
  };

  for (const file of files) await take(file, []);
  if (unreadable.length > 0) {
    throw new HostlerError('not_found', `Unable to open the following pkglist files:\n${unreadable.join('\n')}`);
  }
  return passes.filter((pass) => pass.packages.length + pass.remove.length + pass.removeAfter.length > 0);
}

function takeNames(line: string, pass: Draft, where: string): void {
  for (const word of line.split(',').map((part) => part.trim())) {
    if (word === '') continue;
    const [, dashes = '', name = ''] = /^(-{0,2})(.*)$/.exec(word) ?? [];
    if (!/^@?\^?[A-Za-z0-9][\w.+:~=/@^*-]*(?: [\w.+-]+)*$/.test(name)) {
      throw new HostlerError(
        'invalid_argument',
        `${where}: ${JSON.stringify(word.slice(0, 120))} is not the name of a package.`,
      );
    }
    if (dashes === '--') pass.removeAfter.push(name);
    else if (dashes === '-') pass.remove.push(name);
    else pass.packages.push(name);
  }
}

function takeEnvironment(line: string, pass: Draft, where: string): void {
  const text = /^#ENV:(.*)#$/.exec(line)?.[1];
  if (text === undefined) throw new HostlerError('invalid_argument', `${where}: an #ENV: line ends with #.`);
  for (const word of text.trim().split(/\s+/)) {
    const [, name, value = ''] = /^([A-Za-z_]\w*)=(.*)$/.exec(word) ?? [];
    if (name === undefined)
      throw new HostlerError('invalid_argument', `${where}: ${JSON.stringify(word)} is not NAME=value.`);
    pass.environment[name] = value.replace(/^(["'])(.*)\1$/, '$2');
  }
}

/** The file that an `#INCLUDE:path#` in the file `from` names. */
export function includedPath(path: string, from: string, environment: Readonly<Record<string, string>>): string {
  const full = path.replace(
    /\$(?:\{(\w+)\}|(\w+))/g,
    (_, braced?: string, bare?: string) => environment[braced ?? bare ?? ''] ?? '',
  );
  return isAbsolute(full) ? full : join(dirname(from), full);
}

function emptyPass(): Draft {
  return { packages: [], remove: [], removeAfter: [], environment: {} };
}

function lastOf(passes: readonly Draft[]): Draft {
  const last = passes.at(-1);
  if (last === undefined) throw new HostlerError('internal', 'A list of package passes has no passes.');
  return last;
}
