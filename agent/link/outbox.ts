import { type FileHandle, mkdir, open, readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { HostlerError } from '../../shared/errors/error.ts';
import { syncPath } from '../../shared/files/durable.ts';
import type { AgentBody, Backlog } from '../../shared/session/agent-session.ts';
import { checkSize } from '../../shared/session/limits.ts';
import { Changes } from '../../shared/session/signals.ts';
import { fromAgentCodec } from '../../shared/wire/definitions.ts';
import { decodeSegment, encodeRecord, segmentFirst, segmentName } from './segment.ts';

/** A segment is closed when it is larger than this, in bytes; what was acknowledged goes segment by segment. */
const segmentBytes = 256 * 1024;

/** What waits may take this much of the disk, in bytes, unless told otherwise. */
const defaultBytes = 64 * 1024 * 1024;

type Message = { readonly sequence: number; readonly body: AgentBody };

interface Segment {
  readonly first: number;
  readonly path: string;
  bytes: number;
  /** Highest number in it; `first - 1` when it is empty. */
  last: number;
}

interface Waiting {
  readonly body: AgentBody;
  readonly resolve: (sequence: number) => void;
  readonly reject: (error: HostlerError) => void;
}

export interface OutboxOptions {
  readonly mostBytes?: number;
  /** Told of what had to be given up: torn or altered records, the outbox of an earlier life. */
  readonly odd?: (message: string) => void;
}

/**
 * The agent's messages of consequence, on disk until the manager has them. Append-only files; many messages asked for
 * at once share one fsync. One process at a time.
 */
export class Outbox implements Backlog {
  readonly grown = new Changes();
  readonly #acknowledged = new Changes();
  readonly #folder: string;
  readonly #mostBytes: number;
  readonly #odd: (message: string) => void;
  #segments: Segment[] = [];
  /** The messages of the newest segment; older ones are read from disk when they are wanted. */
  #newest: Message[] = [];
  #file: FileHandle | undefined;
  #waiting: Waiting[] = [];
  #writing: Promise<void> = Promise.resolve();
  #busy = false;
  #released = 0;
  #closed = false;

  private constructor(folder: string, options: OutboxOptions) {
    this.#folder = folder;
    this.#mostBytes = options.mostBytes ?? defaultBytes;
    this.#odd = options.odd ?? ((): void => undefined);
  }

  /** The outbox of one incarnation under `<folder>/<incarnation>`; those of earlier lives are thrown away. */
  static async open(folder: string, incarnation: string, options: OutboxOptions = {}): Promise<Outbox> {
    const mine = join(folder, incarnation);
    await mkdir(mine, { recursive: true, mode: 0o700 });
    const outbox = new Outbox(mine, options);
    for (const other of await readdir(folder)) {
      if (other !== incarnation) await rm(join(folder, other), { recursive: true, force: true });
    }
    await outbox.#load();
    return outbox;
  }

  get first(): number {
    return this.#segments[0]?.first ?? 1;
  }

  get last(): number {
    return this.#segments.at(-1)?.last ?? 0;
  }

  /** On disk when it resolves, with its number. Throws `resource_exhausted` when full, `internal` when the disk fails. */
  add(body: AgentBody): Promise<number> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(new HostlerError('cancelled', 'The agent is stopping.'));
        return;
      }
      this.#waiting.push({ body, resolve, reject });
      // Idle is said at once when a round ends: who asks right then begins the next one.
      if (!this.#busy) this.#writing = this.#writeAll();
    });
  }

  async after(sequence: number): Promise<readonly Message[]> {
    const segment = this.#segments.find((one) => one.last > sequence);
    if (segment === undefined) return [];
    if (segment === this.#segments.at(-1)) return this.#newest.slice(Math.max(0, sequence + 1 - segment.first));
    const { messages } = decodeSegment(await readFile(segment.path), segment.first);
    const wanted = messages.map(asMessage).filter((message) => message.sequence > sequence);
    // Numbers must have no gaps: what the disk lost is sent as a message that says nothing.
    for (let at = Math.max(sequence, messages.at(-1)?.sequence ?? segment.first - 1) + 1; at <= segment.last; at++) {
      wanted.push({ sequence: at, body: {} });
    }
    return wanted;
  }

  release(through: number): void {
    if (through > this.last) {
      this.#odd(`the manager has messages up to ${through}, this outbox knows ${this.last}: it was replaced; going on`);
      this.#startAt(through + 1);
    }
    this.#released = Math.max(this.#released, through);
    this.#acknowledged.notify();
    while (this.#segments.length > 1 && (this.#segments[0]?.last ?? Infinity) <= through) {
      const old = this.#segments.shift();
      if (old !== undefined) rm(old.path, { force: true }).catch((thrown: unknown) => this.#odd(String(thrown)));
    }
  }

  /** Resolves when the manager has everything that was added so far, or the signal aborts. */
  async drained(signal: AbortSignal): Promise<void> {
    const target = this.last;
    while (this.#released < target && !signal.aborted) await this.#acknowledged.next(signal);
    if (signal.aborted) throw HostlerError.from(signal.reason, 'cancelled');
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#writing;
    await this.#file?.close();
    this.#file = undefined;
  }

  async #load(): Promise<void> {
    const firsts = (await readdir(this.#folder)).map(segmentFirst).filter((first) => first !== undefined);
    firsts.sort((a, b) => a - b);
    for (const [index, first] of firsts.entries()) {
      const path = join(this.#folder, segmentName(first));
      const content = await readFile(path);
      const { messages, bytes } = decodeSegment(content, first);
      const next = firsts[index + 1];
      if (bytes < content.length) this.#odd(`${path}: ${content.length - bytes} bytes at its end are torn; left out`);
      const last = next === undefined ? first + messages.length - 1 : next - 1;
      this.#segments.push({ first, path, bytes: next === undefined ? bytes : content.length, last });
      this.#newest = messages.map(asMessage);
    }
    const newest = this.#segments.at(-1);
    if (newest === undefined) {
      await this.#newSegment(1);
      return;
    }
    this.#file = await open(newest.path, 'r+');
    await this.#file.truncate(newest.bytes);
  }

  async #newSegment(first: number): Promise<void> {
    const path = join(this.#folder, segmentName(first));
    const file = await open(path, 'w', 0o600);
    await syncPath(this.#folder);
    await this.#file?.close();
    this.#file = file;
    this.#segments.push({ first, path, bytes: 0, last: first - 1 });
    this.#newest = [];
  }

  /** Forgets everything: numbering goes on there with the next message. */
  #startAt(first: number): void {
    for (const old of this.#segments.splice(0)) {
      rm(old.path, { force: true }).catch((thrown: unknown) => this.#odd(String(thrown)));
    }
    this.#segments.push({ first, path: '', bytes: segmentBytes + 1, last: first - 1 });
    this.#newest = [];
  }

  async #writeAll(): Promise<void> {
    this.#busy = true;
    // Others may come while one lot is written.
    while (this.#waiting.length > 0) {
      const lot = this.#waiting.splice(0);
      try {
        await this.#write(lot);
      } catch (thrown) {
        const cause = thrown instanceof HostlerError ? thrown : undefined;
        const why = thrown instanceof Error ? thrown.message : String(thrown);
        const error =
          cause ??
          new HostlerError('internal', `Cannot write to the outbox ${this.#folder}: ${why}`, { cause: thrown });
        for (const { reject } of lot) reject(error);
      }
    }
    this.#busy = false;
  }

  async #write(lot: readonly Waiting[]): Promise<void> {
    if ((this.#segments.at(-1)?.bytes ?? Infinity) > segmentBytes) {
      const next = this.last + 1;
      await this.#newSegment(next);
      this.#segments = this.#segments.filter((segment) => segment.path !== '');
    }
    const segment = this.#segments.at(-1);
    if (segment === undefined || this.#file === undefined) throw new HostlerError('internal', 'The outbox is closed.');
    const records: Buffer[] = [];
    const written: { readonly message: Message; readonly waiting: Waiting }[] = [];
    let room = this.#mostBytes - this.#segments.reduce((sum, one) => sum + one.bytes, 0);
    let sequence = segment.last;
    for (const waiting of lot) {
      try {
        const record = this.#record(waiting.body, sequence + 1, room);
        records.push(record);
        room -= record.length;
        sequence++;
        written.push({ message: { sequence, body: waiting.body }, waiting });
      } catch (thrown) {
        waiting.reject(HostlerError.from(thrown, 'invalid_argument'));
      }
    }
    const bytes = Buffer.concat(records);
    await writeWhole(this.#file, bytes, segment.bytes);
    segment.bytes += bytes.length;
    segment.last = sequence;
    for (const { message, waiting } of written) {
      this.#newest.push(message);
      waiting.resolve(message.sequence);
    }
    this.grown.notify();
  }

  #record(body: AgentBody, sequence: number, room: number): Buffer {
    const message = fromAgentCodec.encode({ ...body, sequence });
    checkSize(message.length, 'A report');
    const record = encodeRecord(message);
    if (record.length <= room) return record;
    throw new HostlerError(
      'resource_exhausted',
      `The outbox ${this.#folder} is full (${this.#mostBytes} bytes wait for the manager). Is the manager reachable?`,
    );
  }
}

/** The acknowledgement in it is of another day; the session puts in the present one. */
function asMessage({ sequence, ...body }: AgentBody & { readonly sequence: number }): Message {
  return { sequence, body };
}

/** All of it on disk, or an error; what a failed write left behind is overwritten by the next one. */
async function writeWhole(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, at, bytes.length - at, position + at);
    at += bytesWritten;
  }
  await file.datasync();
}
