import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, readFile, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HostlerError } from '../../../../shared/errors/error.ts';
import { replaceFile, syncPath } from '../../../../shared/files/durable.ts';
import { run } from '../../../../shared/process/run.ts';
import { usualCacheBytes } from '../../../../shared/task/image-cache.ts';
import { entriesOf, plainEntry } from '../../image-tree/entries.ts';
import type { Entry } from '../../image-tree/entries.ts';
import { withLock } from '../../image-tree/lock.ts';
import { removeTree } from '../../image-tree/remove.ts';
import { mergeLayers } from './merge.ts';
import type { Merged } from './merge.ts';

/** What a stage made, under the key of everything that decided it. */
export interface StageResult {
  readonly format: number;
  readonly stage: string;
  readonly key: string;
  /** Layers of the whole tree, bottom first. */
  readonly layers: readonly string[];
  /** False: the package manager chose otherwise than was reckoned, so the key does not tell all; `state` must be equal too. */
  readonly exact: boolean;
  /** Of the repositories when it was made. */
  readonly state: string;
  /** Key of the stage before. */
  readonly below: string;
  /** Packages with the digests of their files, for a stage of packages; what it was asked for, and how. */
  readonly contents: readonly string[];
  readonly names: readonly string[];
  readonly manner: string;
  /** Milliseconds: the time that everything made by a build gets. */
  readonly epoch: number;
}

/** Raised when results are written otherwise; others are as if they were not there. */
export const format = 1;

/** A layer being made. */
export interface Draft {
  readonly id: string;
  readonly folder: string;
  /** Where the stage writes. */
  readonly tree: string;
}

/** Others may still use what was used since then, when somebody builds while the cache is trimmed. */
const restMs = 6 * 3_600_000;
/** Lists of repositories that no build asked for since then go. */
const listsMs = 30 * 24 * 3_600_000;
/** Paths of a layer that are put on the disk one by one. */
const mostSynced = 300;
/** What else was packed of what is a name and a digest each. */
const mostPacks = 2 ** 20;

/** Environment of the agent: how many bytes of layers its image cache may hold, whatever site.imagecachesize says. */
export const cacheBytesVariable = 'HOSTLER_IMAGE_CACHE_BYTES';

/**
 * Snapshots of stages as layers of an overlay, `<home>/cache/image/layers/<id>/{tree,entries.json}`, and what they are
 * results of, `results/<key>.json`. Both appear by one rename and never change. Builds hold the lock together; whoever
 * clears up holds it alone, or touches only what nobody has used for hours.
 */
export class LayerCache {
  readonly folder: string;
  readonly layers: string;
  readonly debs: string;
  readonly boots: string;
  /** What was packed of what (image-pack/root-file.ts). */
  readonly packs: string;
  /** What families keep of repositories; and what an earlier version of this program kept. */
  readonly #lists: readonly string[];
  readonly #outdated: string;
  readonly #results: string;
  readonly #lock: string;
  readonly #boot: string;

  constructor(home: string) {
    this.folder = join(home, 'cache', 'image');
    this.layers = join(this.folder, 'layers');
    this.#results = join(this.folder, 'results');
    this.boots = join(this.folder, 'initrds');
    this.packs = join(this.folder, 'packs');
    this.debs = join(home, 'cache', 'debs');
    this.#lists = [join(home, 'cache', 'apt'), join(home, 'cache', 'rpm')];
    this.#outdated = join(home, 'cache', 'roots');
    this.#lock = join(this.folder, 'lock');
    this.#boot = bootId();
  }

  /** Runs a build: what it uses meanwhile stays where it is. Afterwards the cache is brought to its limits. */
  async during<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    for (const folder of [this.layers, this.#results, this.boots, this.packs, this.debs])
      await mkdir(folder, { recursive: true, mode: 0o700 });
    return withLock(this.#lock, 'shared', signal, work);
  }

  /** The result of that key, if all of it is still there and was wholly written. */
  async find(key: string, state: string): Promise<StageResult | undefined> {
    const result = await this.#read(key);
    if (result === undefined || !(result.exact || result.state === state)) return undefined;
    for (const id of result.layers) if (!(await this.#whole(id))) return undefined;
    const now = new Date();
    await utimes(this.#file(key), now, now).catch(() => {}); // another build may have cleared it away meanwhile
    return result;
  }

  /** Results of that stage on top of that key, whose layers are all there. */
  async others(stage: string, below: string): Promise<StageResult[]> {
    const found: StageResult[] = [];
    for (const name of await readdir(this.#results)) {
      if (!name.endsWith('.json')) continue;
      const result = await this.#read(name.slice(0, -5));
      if (
        result?.stage === stage &&
        result.below === below &&
        (await this.find(result.key, result.state)) !== undefined
      )
        found.push(result);
    }
    return found;
  }

  async draft(): Promise<Draft> {
    const id = randomBytes(6).toString('hex');
    const folder = join(this.layers, `new-${id}`);
    await mkdir(join(folder, 'tree'), { recursive: true, mode: 0o700 });
    return { id, folder, tree: join(folder, 'tree') };
  }

  /** The draft becomes a layer; on the disk after `sync`. */
  async seal(draft: Draft, entries: readonly Entry[]): Promise<void> {
    await writeFile(join(draft.folder, 'entries.json'), JSON.stringify(entries.map(plainEntry)), { mode: 0o600 });
    await writeFile(join(draft.folder, 'boot'), this.#boot);
    await writeFile(join(draft.folder, 'bytes'), String(onDisk(entries)));
    for (const name of await readdir(draft.folder)) {
      if (!['tree', 'entries.json', 'boot', 'bytes'].includes(name)) await removeTree(join(draft.folder, name));
    }
    await rename(draft.folder, join(this.layers, draft.id));
  }

  async drop(draft: Draft): Promise<void> {
    await removeTree(draft.folder);
  }

  async keep(result: StageResult): Promise<void> {
    await replaceFile(this.#file(result.key), JSON.stringify(result));
  }

  /** From now on a crash of the whole machine cannot harm these layers. */
  async sync(ids: readonly string[], signal: AbortSignal): Promise<void> {
    if (ids.length === 0) return;
    const lists = await Promise.all(ids.map(async (id) => [id, await this.entries(id)] as const));
    // Everything on the file system, others' files too: only where the layers hold so much that it is quicker.
    if (lists.some(([, entries]) => entries.length > mostSynced)) await run('sync', ['-f', this.layers], { signal });
    else for (const [id, entries] of lists) await this.#syncLayer(id, entries);
    for (const id of ids) await rm(join(this.layers, id, 'boot'), { force: true });
  }

  async entries(id: string): Promise<Entry[]> {
    const found = entriesOf(JSON.parse(await readFile(join(this.layers, id, 'entries.json'), 'utf8')));
    if (found === undefined) throw new HostlerError('internal', `The list of the layer ${id} cannot be read.`);
    return found;
  }

  async merged(layers: readonly string[]): Promise<Merged> {
    return mergeLayers(await Promise.all(layers.map(async (id) => ({ id, entries: await this.entries(id) }))));
  }

  tree(id: string): string {
    return join(this.layers, id, 'tree');
  }

  /** Bytes that the layers may take; package files a third of that besides. `asked`: by the site; 0: the usual. */
  most(asked: number): number {
    return Number(process.env[cacheBytesVariable] ?? '') || asked || usualCacheBytes;
  }

  /** Takes away what was not used for longest until the limits hold, and what crashes left. */
  async trim(asked: number, signal: AbortSignal): Promise<void> {
    const most = this.most(asked);
    await this.#alone(signal, (alone) => this.#trim(most, alone ? 0 : restMs)).catch(() => {}); // next time, then
  }

  /** Takes everything away. Throws `aborted` while somebody builds. */
  async clear(signal: AbortSignal): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const busy = (): string => 'A build is running that uses the image cache. Try again when it has ended.';
    await withLock(this.#lock, busy, signal, async () => {
      for (const folder of [
        this.#results,
        this.layers,
        this.boots,
        this.packs,
        this.debs,
        ...this.#lists,
        this.#outdated,
      ])
        await removeTree(folder);
    });
  }

  /** Bytes that it takes on the disk. */
  async bytes(signal: AbortSignal): Promise<{ readonly layers: number; readonly packages: number }> {
    const of = async (folder: string): Promise<number> => {
      if ((await stat(folder).catch(() => undefined)) === undefined) return 0;
      const { stdout } = await run('du', ['-s', '-B1', '--', folder], { signal, allowExit: [1] });
      return Number.parseInt(stdout, 10) || 0;
    };
    return { layers: await of(this.folder), packages: await of(this.debs) };
  }

  async #alone(signal: AbortSignal, work: (alone: boolean) => Promise<void>): Promise<void> {
    try {
      await withLock(
        this.#lock,
        () => 'busy',
        signal,
        () => work(true),
      );
    } catch (error) {
      if (!(error instanceof HostlerError) || error.code !== 'aborted') throw error;
      await work(false);
    }
  }

  async #trim(most: number, rest: number): Promise<void> {
    const now = Date.now();
    const results: { result: StageResult; used: number }[] = [];
    for (const name of await readdir(this.#results)) {
      const file = join(this.#results, name);
      const used = (await stat(file).catch(() => undefined))?.mtimeMs ?? now;
      const result = name.endsWith('.json') ? await this.#read(name.slice(0, -5)) : undefined;
      if (result !== undefined) results.push({ result, used });
      else if (used < now - Math.max(rest, 3_600_000)) await rm(file, { force: true });
    }
    const needed = new Set<string>();
    let total = 0;
    for (const { result, used } of results.sort((a, b) => b.used - a.used)) {
      const more = result.layers.filter((id) => !needed.has(id));
      const bytes = (await Promise.all(more.map((id) => this.#bytes(id)))).reduce((a, b) => a + b, 0);
      if (total + bytes > most && used < now - rest) await rm(this.#file(result.key), { force: true });
      else {
        total += bytes;
        for (const id of more) needed.add(id);
      }
    }
    for (const id of await readdir(this.layers)) {
      if (needed.has(id)) continue;
      const made = (await stat(join(this.layers, id)).catch(() => undefined))?.mtimeMs ?? now;
      if (made <= now - rest) await removeTree(join(this.layers, id));
    }
    if (rest === 0) {
      await removeTree(this.#outdated);
      for (const folder of this.#lists) await removeUnused(folder, now - listsMs);
    }
    await trimFolder(this.debs, Math.ceil(most / 3));
    await trimFolder(this.packs, mostPacks);
    await trimFolder(this.boots, 2 ** 30);
  }

  async #syncLayer(id: string, entries: readonly Entry[]): Promise<void> {
    const folder = join(this.layers, id);
    for (const { path, kind } of entries) if (kind === 'f' || kind === 'd') await syncPath(join(folder, 'tree', path));
    for (const file of ['entries.json', 'bytes', '.', '..']) await syncPath(join(folder, file));
  }

  async #bytes(id: string): Promise<number> {
    const known = Number(await readFile(join(this.layers, id, 'bytes'), 'utf8').catch(() => ''));
    // Of a version that did not write it down.
    return known > 0 ? known : onDisk(await this.entries(id).catch(() => []));
  }

  async #read(key: string): Promise<StageResult | undefined> {
    try {
      const found = JSON.parse(await readFile(this.#file(key), 'utf8')) as Partial<StageResult>;
      return found.format === format && found.key === key && Array.isArray(found.layers)
        ? (found as StageResult)
        : undefined;
    } catch {
      return undefined; // never made, or cleared away
    }
  }

  /** There, and not left by a machine that went down before it was on the disk. */
  async #whole(id: string): Promise<boolean> {
    const there = await stat(join(this.layers, id, 'entries.json')).catch(() => undefined);
    if (there === undefined) return false;
    const boot = await readFile(join(this.layers, id, 'boot'), 'utf8').catch(() => undefined);
    return boot === undefined || boot === this.#boot;
  }

  #file(key: string): string {
    return join(this.#results, `${key}.json`);
  }
}

function onDisk(entries: readonly Entry[]): number {
  return entries.reduce((sum, { size }) => sum + Math.ceil(size / 4096) * 4096, 0);
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return ''; // no such kernel: every machine start looks the same
  }
}

async function removeUnused(folder: string, before: number): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const used = (await stat(join(folder, name)).catch(() => undefined))?.mtimeMs;
    if (used !== undefined && used < before) await removeTree(join(folder, name));
  }
}

/** Takes away the files that were not used for longest until the folder holds no more than that. */
export async function trimFolder(folder: string, mostBytes: number): Promise<void> {
  const found: { file: string; bytes: number; used: number }[] = [];
  for (const name of await readdir(folder)) {
    const file = join(folder, name);
    const info = await stat(file).catch(() => undefined);
    if (info?.isFile() === true) found.push({ file, bytes: info.size, used: Math.max(info.mtimeMs, info.ctimeMs) });
  }
  let total = 0;
  for (const { file, bytes } of found.sort((a, b) => b.used - a.used)) {
    total += bytes;
    if (total > mostBytes) await rm(file, { force: true });
  }
}
