import type { Stats } from 'node:fs';
import { chmod, chown, lstat, lutimes, mkdir, readFile, readlink, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { HostlerError } from '../../../shared/errors/error.ts';
import { mostNodeFiles, type NodeFile, type NodeFiles } from '../../../shared/task/node-files.ts';
import { existsInside, inside } from '../image-tree/inside.ts';
import { hashFiles, withoutHashes } from './accounts.ts';
import { parentOf, type Survey } from './survey.ts';

/** What stands in the image in the place of the tree's own, or besides it; content is in the folder of additions. */
export interface Addition {
  /** `./etc/shadow` */
  readonly path: string;
  readonly kind: 'file' | 'folder' | 'link';
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since the epoch. */
  readonly time: number;
  readonly bytes: number;
  /** Of a link. */
  readonly target: string;
}

interface Look {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly time: number;
}

const ours: Omit<Look, 'time'> = { mode: 0o644, uid: 0, gid: 0 };

/**
 * Gathers what an image has that its tree has not, in a folder of its own beside the tree, which stays as it is: the
 * note of what the image is, accounts without hashes, files of synclists. What not everybody may read is not put
 * there but into `nodeFiles`.
 */
export class Additions {
  readonly folder: string;
  readonly #tree: string;
  readonly #survey: Survey;
  readonly #there: Set<string>;
  readonly #list = new Map<string, Addition>();
  readonly #files = new Map<string, NodeFile>();
  readonly #hashes: Record<string, Record<string, string>> = {};
  #bytes = 0;

  constructor(tree: string, survey: Survey, folder: string) {
    this.folder = folder;
    this.#tree = tree;
    this.#survey = survey;
    this.#there = new Set(survey.kept.map(({ path }) => path));
  }

  /** Folders before what they hold. */
  list(): Addition[] {
    return [...this.#list.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  /** Undefined when there is nothing that must be brought to nodes. */
  nodeFiles(): NodeFiles | undefined {
    if (this.#files.size === 0 && Object.keys(this.#hashes).length === 0) return undefined;
    const byPath = [...this.#files.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
    const hashes = Object.entries(this.#hashes).sort(([a], [b]) => (a < b ? -1 : 1));
    return { format: 1, files: byPath, hashes: Object.fromEntries(hashes) };
  }

  /** A file of our own making. */
  async put(path: string, content: string | Uint8Array): Promise<void> {
    await this.#file(await this.#realPath(path), content, { ...ours, time: this.#survey.newest });
  }

  async link(path: string, target: string): Promise<void> {
    await this.#link(await this.#realPath(path), target);
  }

  /** A link in the place of what stands there, be it a link too. */
  async replace(path: string, target: string): Promise<void> {
    await this.#link(await this.#realPath(path, false), target);
  }

  async #link(real: string, target: string): Promise<void> {
    await this.#parents(real);
    const file = join(this.folder, real);
    await symlink(target, file);
    const time = this.#survey.newest;
    await lutimes(file, time, time);
    this.#list.set(real, { path: real, kind: 'link', mode: 0o777, uid: 0, gid: 0, time, bytes: 0, target });
  }

  /** A folder of a synclist; one that the tree has stays as it is. */
  async folderAs(info: Stats, path: string): Promise<void> {
    const real = await this.#realPath(path);
    if (this.#there.has(real)) return;
    await this.#parents(`${real}/any`);
    const made = this.#list.get(real);
    if (made?.kind !== 'folder') return;
    const look = lookOf(info);
    const place = join(this.folder, real);
    await chown(place, look.uid, look.gid);
    await chmod(place, look.mode);
    this.#list.set(real, { ...made, ...look });
  }

  /** A file of a synclist. Where not everybody may read it (`hidden`: for its folder), it waits for the node. */
  async bring(source: string, info: Stats, path: string, hidden: boolean): Promise<void> {
    if (info.isSymbolicLink()) {
      await this.link(path, await readlink(source));
      return;
    }
    const look = lookOf(info);
    if (hidden || (info.mode & 0o004) === 0) this.#secret(path, 'replace', look, await readFile(source));
    else await this.#file(await this.#realPath(path), await readFile(source), look);
  }

  async append(source: string, info: Stats, path: string): Promise<void> {
    const more = await readFile(source);
    if ((info.mode & 0o004) === 0) {
      this.#secret(path, 'append', lookOf(info), more);
      return;
    }
    const { text, look } = await this.#now(path);
    await this.#file(await this.#realPath(path), Buffer.concat([text, more]), look);
  }

  async change(path: string, edit: (text: string) => string): Promise<void> {
    const { text, look } = await this.#now(path);
    await this.#file(await this.#realPath(path), edit(text.toString('utf8')), look);
  }

  /** Of the tree and of what was put in so far: to be called last. `root`: the hash that root gets; empty: its own. */
  async lockAccounts(root: string): Promise<void> {
    for (const path of hashFiles) {
      const { text, look, there } = await this.#now(path);
      if (!there) continue;
      const locked = withoutHashes(text.toString('utf8'));
      if (path === '/etc/shadow' && root !== '' && /^root:/m.test(locked.text)) {
        this.#hashes[path] = { ...locked.hashes, root };
      }
      if (Object.keys(locked.hashes).length === 0) continue;
      await this.#file(await this.#realPath(path), locked.text, look);
      // A copy that useradd leaves is locked, and nobody needs its hashes.
      if (!path.endsWith('-')) this.#hashes[path] ??= locked.hashes;
    }
  }

  #secret(path: string, how: NodeFile['how'], look: Look, content: Buffer): void {
    this.#bytes += content.length;
    if (this.#bytes > mostNodeFiles) {
      throw new HostlerError(
        'invalid_argument',
        `The files of the synclists that not everybody may read are larger than ${mostNodeFiles / 2 ** 20} MiB together. ` +
          'Bring large ones to nodes by a postscript.',
      );
    }
    this.#files.set(`${how} ${path}`, { path, how, ...look, base64: content.toString('base64') });
  }

  /** What stands there so far: an earlier addition, else the tree's. */
  async #now(path: string): Promise<{ text: Buffer; look: Look; there: boolean }> {
    const real = await this.#realPath(path);
    const known = this.#list.get(real);
    if (known !== undefined) return { text: await readFile(join(this.folder, real)), look: known, there: true };
    const file = this.#there.has(real) ? await existsInside(this.#tree, path) : undefined;
    if (file === undefined)
      return { text: Buffer.alloc(0), look: { ...ours, time: this.#survey.newest }, there: false };
    return { text: await readFile(file), look: lookOf(await lstat(file)), there: true };
  }

  async #file(path: string, content: string | Uint8Array, look: Look): Promise<void> {
    await this.#parents(path);
    const file = join(this.folder, path);
    await writeFile(file, content, { mode: 0o600 });
    await chown(file, look.uid, look.gid);
    await chmod(file, look.mode);
    await lutimes(file, look.time, look.time);
    const bytes = typeof content === 'string' ? Buffer.byteLength(content) : content.length;
    this.#list.set(path, { path, kind: 'file', ...look, bytes, target: '' });
  }

  async #parents(path: string): Promise<void> {
    await mkdir(join(this.folder, dirname(path)), { recursive: true, mode: 0o755 });
    for (let at = parentOf(path); at !== '.'; at = parentOf(at)) {
      if (this.#there.has(at) || this.#list.has(at)) continue;
      const look = { ...ours, mode: 0o755, time: this.#survey.newest };
      await chmod(join(this.folder, at), 0o755);
      this.#list.set(at, { path: at, kind: 'folder', ...look, bytes: 0, target: '' });
    }
  }

  /** Where the path leads in the image, its links followed, as `./name`. `last`: also one in the last place. */
  async #realPath(path: string, last = true): Promise<string> {
    const at = await inside(this.#tree, path, last);
    const real = `.${posix.normalize(at.slice(this.#tree.length) || '/')}`;
    if (real === './' || real === '.') throw new HostlerError('invalid_argument', `${path} is no file of an image.`);
    return real;
  }
}

function lookOf(info: Stats): Look {
  return { mode: info.mode & 0o7777, uid: info.uid, gid: info.gid, time: Math.floor(info.mtimeMs / 1000) };
}
