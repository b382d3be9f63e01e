import { mkdir, readFile, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { HostlerError } from '../../../shared/errors/error.ts';
import { replaceFile, syncPath } from '../../../shared/files/durable.ts';
import { isAgentName } from '../../../shared/identity/names.ts';
import { Changes } from '../../../shared/session/signals.ts';

/** What all pieces may take of the disk, and those of one agent, in bytes: an agent's own outbox holds half of that. */
const defaultMost = 1024 * 1024 * 1024;
const defaultMostOfOne = 128 * 1024 * 1024;

/** A file takes whole blocks of the disk, in bytes. */
const block = 4096;

/** What of an agent's numbered messages is in a piece. */
export interface PieceOf {
  readonly agent: string;
  readonly incarnation: string;
  readonly first: number;
  readonly last: number;
}

interface Piece extends PieceOf {
  readonly path: string;
  readonly bytes: number;
}

/**
 * Pieces of reports on the relay's disk: one file each, `<folder>/<agent>/<number>.<incarnation>.<first>-<last>`, mode 0600,
 * numbered in the order in which they came. What it says it has outlives a crash.
 */
export class Shelf {
  /** Told when there is something new. */
  readonly grown = new Changes();
  readonly #folder: string;
  readonly #most: number;
  readonly #mostOfOne: number;
  /** In order, by agent. */
  readonly #pieces = new Map<string, Piece[]>();
  readonly #number = new Map<string, number>();
  /** What each agent has here, with what is being written. */
  readonly #own = new Map<string, number>();
  #bytes = 0;

  private constructor(folder: string, most: number, mostOfOne: number) {
    this.#folder = folder;
    this.#most = most;
    this.#mostOfOne = mostOfOne;
  }

  /** Finds again what is in the folder; files that are none of ours are left alone. */
  static async open(folder: string, most = defaultMost, mostOfOne = defaultMostOfOne): Promise<Shelf> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const shelf = new Shelf(folder, most, mostOfOne);
    for (const agent of await readdir(folder)) if (isAgentName(agent)) await shelf.#load(agent);
    return shelf;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Who has something here. */
  agents(): string[] {
    return [...this.#pieces.keys()];
  }

  /** Of one agent, in the order in which they came. */
  of(agent: string): readonly Piece[] {
    return [...(this.#pieces.get(agent) ?? [])];
  }

  /**
   * On disk when it resolves. What it holds again of earlier pieces replaces them. Throws `resource_exhausted` when there is
   * no room, `internal` when the disk fails. The names are checked by the caller.
   */
  async put(of: PieceOf, content: Uint8Array): Promise<void> {
    const { agent, incarnation, first, last } = of;
    const bytes = Math.ceil(content.length / block) * block;
    this.#checkRoom(agent, bytes);
    const number = (this.#number.get(agent) ?? 0) + 1;
    this.#number.set(agent, number);
    const folder = join(this.#folder, agent);
    const name = `${String(number).padStart(12, '0')}.${incarnation}.${first}-${last}`;
    // Counted before it is written, so that many at once do not take more than there is.
    this.#count(agent, bytes);
    try {
      if (!this.#pieces.has(agent)) {
        await mkdir(folder, { recursive: true, mode: 0o700 });
        await syncPath(this.#folder);
      }
      await replaceFile(join(folder, name), content, 0o600);
    } catch (cause) {
      this.#count(agent, -bytes);
      throw writeError(folder, cause);
    }
    const before = this.of(agent);
    this.#pieces.set(agent, [...before, { ...of, path: join(folder, name), bytes }]);
    for (const old of before) {
      if (old.incarnation === incarnation && old.first >= first && old.last <= last) await this.remove(old);
    }
    this.grown.notify();
  }

  /** Undefined when it is gone meanwhile. */
  async read(piece: Piece): Promise<Buffer | undefined> {
    return readFile(piece.path).catch(gone);
  }

  async remove(piece: Piece): Promise<void> {
    const left = this.of(piece.agent).filter(({ path }) => path !== piece.path);
    if (left.length === this.of(piece.agent).length) return;
    if (left.length > 0) this.#pieces.set(piece.agent, left);
    else this.#pieces.delete(piece.agent);
    this.#count(piece.agent, -piece.bytes);
    await rm(piece.path, { force: true });
  }

  #count(agent: string, bytes: number): void {
    this.#bytes += bytes;
    const own = (this.#own.get(agent) ?? 0) + bytes;
    if (own > 0) this.#own.set(agent, own);
    else this.#own.delete(agent);
  }

  #checkRoom(agent: string, bytes: number): void {
    const mostOfOne = this.#mostOfOne;
    const own = this.#own.get(agent) ?? 0;
    if (this.#bytes + bytes <= this.#most && own + bytes <= mostOfOne) return;
    const [whose, most] = own + bytes > mostOfOne ? [`of '${agent}' `, mostOfOne] : ['', this.#most];
    throw new HostlerError(
      'resource_exhausted',
      `The relay keeps no more reports ${whose}(${most} bytes wait for the manager). Is the manager reachable from it?`,
    );
  }

  async #load(agent: string): Promise<void> {
    const folder = join(this.#folder, agent);
    for (const name of (await readdir(folder).catch(() => [])).sort()) {
      // What was not finished when the machine went down was never promised.
      if (name.endsWith('.tmp')) await rm(join(folder, name), { force: true });
      const found = /^(\d{12})\.([A-Za-z0-9-]{1,64})\.(\d{1,16})-(\d{1,16})$/.exec(name);
      if (found === null) continue;
      const [, number, incarnation = '', first, last] = found;
      const path = join(folder, name);
      const bytes = Math.ceil((await stat(path)).size / block) * block;
      const piece = { agent, incarnation, first: Number(first), last: Number(last), path, bytes };
      this.#pieces.set(agent, [...this.of(agent), piece]);
      this.#number.set(agent, Number(number));
      this.#count(agent, bytes);
    }
  }
}

function writeError(folder: string, cause: unknown): HostlerError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : '';
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new HostlerError('resource_exhausted', `The relay's disk is full: it keeps no more reports in ${folder}.`, {
      cause,
    });
  }
  const why = cause instanceof Error ? cause.message : String(cause);
  return new HostlerError('internal', `The relay cannot write to ${folder}: ${why}`, { cause });
}

function gone(thrown: unknown): undefined {
  if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return undefined;
  throw thrown;
}
