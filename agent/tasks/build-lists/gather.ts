import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { HostlerError } from '../../../shared/errors/error.ts';
import { mostBundleBytes } from '../../../shared/task/build-lists.ts';
import type { BuildListsSpec, BundledSynclist, BundledWord, ListBundle } from '../../../shared/task/build-lists.ts';
import { readListFile } from '../image-build/list-file.ts';
import { includedPath } from '../image-build/pkglist.ts';
import { postinstallCalls } from '../image-build/postinstall.ts';
import { gatherSynclist } from './sync-nodes.ts';

const deepestInclude = 20;
const mostSyncFiles = 100_000;

/** Resolves what `#INCLUDE:path#` in a file names. */
type Resolve = (path: string, from: string) => string;

/**
 * Everything that an osimage names for a build, read here. Throws `not_found` for what is not here either, and
 * `invalid_argument` for lists that include themselves and for more than 16 MiB.
 */
export async function gatherLists(spec: BuildListsSpec): Promise<ListBundle> {
  const bundle = new Bundle();
  const ofPackages: Resolve = (path, from) => includedPath(path, from, spec.environment);
  const ofExcludes: Resolve = (path, from) => (isAbsolute(path) ? path : join(dirname(from), path));
  const texts = async (files: readonly string[], resolve: Resolve): Promise<string[]> => {
    const found: string[] = [];
    for (const file of files) found.push(await bundle.list(file, resolve));
    return found;
  };
  const postinstall: (readonly BundledWord[])[] = [];
  for (const { script, args } of postinstallCalls(spec.postinstall)) {
    const words: BundledWord[] = [await bundle.file(script)];
    for (const arg of args) words.push((await isFile(arg)) ? await bundle.file(arg) : { word: arg });
    postinstall.push(words);
  }
  return {
    format: 1,
    pkglist: await texts(spec.pkglist, ofPackages),
    otherpkglist: await texts(spec.otherpkglist, ofPackages),
    exlist: await texts(spec.exlist, ofExcludes),
    postinstall,
    synclists: await bundle.synclists(spec.synclists ?? []),
  };
}

class Bundle {
  #bytes = 0;

  /** The text of a list, with the texts that it includes in place of the lines that name them. */
  async list(file: string, resolve: Resolve, above: readonly string[] = []): Promise<string> {
    if (above.includes(file) || above.length >= deepestInclude) {
      throw new HostlerError('invalid_argument', `The list ${file} includes itself, by way of ${above.join(' and ')}.`);
    }
    const text = await readListFile(file).catch((cause: unknown) => {
      if (cause instanceof HostlerError) throw cause;
      throw absent(file, cause);
    });
    this.#count(Buffer.byteLength(text));
    const lines: string[] = [];
    for (const line of text.split('\n')) {
      const included = /^\s*#INCLUDE:\s*(.+?)\s*#\s*$/.exec(line)?.[1];
      lines.push(included === undefined ? line : await this.list(resolve(included, file), resolve, [...above, file]));
    }
    return lines.join('\n');
  }

  async file(path: string): Promise<BundledWord> {
    const info = await stat(path).catch((cause: unknown) => {
      throw absent(path, cause);
    });
    if (!info.isFile()) throw new HostlerError('invalid_argument', `${path} is not an ordinary file.`);
    this.#count(info.size);
    return { name: basename(path), mode: info.mode & 0o777, content: (await readFile(path)).toString('base64') };
  }

  async synclists(files: readonly string[]): Promise<BundledSynclist[]> {
    const found: BundledSynclist[] = [];
    let entries = 0;
    for (const file of files) {
      const list = await gatherSynclist(file, (bytes) => {
        if ((entries += 1) > mostSyncFiles) throw tooMany();
        this.#count(bytes, 'Bring large files to nodes by a postscript, and pack with --nosyncfiles.');
      });
      found.push(list);
    }
    return found;
  }

  #count(bytes: number, instead = ''): void {
    this.#bytes += bytes;
    if (this.#bytes <= mostBundleBytes) return;
    throw new HostlerError(
      'invalid_argument',
      `The lists, scripts and files that the image names are longer than ${mostBundleBytes >> 20} MiB together. ${instead === '' ? 'Put large ones where the building machine can read them.' : instead}`,
    );
  }
}

function tooMany(): HostlerError {
  return new HostlerError('invalid_argument', `The synclists name more than ${mostSyncFiles} files.`);
}

function absent(file: string, cause: unknown): HostlerError {
  return new HostlerError('not_found', `${file} cannot be read on the management node either.`, { cause });
}

async function isFile(word: string): Promise<boolean> {
  return isAbsolute(word) && (await stat(word).catch(() => undefined))?.isFile() === true;
}
