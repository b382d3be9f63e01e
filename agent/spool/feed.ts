import { statSync } from 'node:fs';
import type { FromAgent } from '../../shared/wire/generated/hostler/v1/FromAgent.ts';
import type { TaskFolder } from './folder.ts';
import { readPiece } from './folder.ts';
import { isProgress } from './records.ts';
import type { ProgressRecord } from './records.ts';

/** Bytes of one piece of a log. */
const pieceBytes = 64 * 1024;
/** Pieces in one go, so that one loud task leaves room for the others. */
const mostPieces = 64;

type Tell = (body: Omit<FromAgent, 'sequence' | 'acknowledged'>) => boolean;

/** Brings what one task says to the manager: its log from where the manager has it, its newest progress. */
export class TaskFeed {
  readonly #id: string;
  readonly #folder: TaskFolder;
  #logAt = 0;
  /** What the manager surely has of the log. */
  #logHas = 0;
  #eventsAt = 0;
  #untold: ProgressRecord | undefined;
  #newest: ProgressRecord | undefined;

  constructor(id: string, folder: TaskFolder) {
    this.#id = id;
    this.#folder = folder;
  }

  /** After a reconnect: how much of the log the manager really has. */
  rewind(logOffset: number): void {
    this.#logAt = logOffset;
    this.#logHas = logOffset;
    this.#untold = this.#newest;
  }

  /** True: all that the task said so far was told. False: the link is down or full, or there is more than one go takes. */
  pump(tell: Tell): boolean {
    const log = this.#pumpLog(tell);
    return this.#pumpProgress(tell) && log;
  }

  /**
   * What the manager may not have of the log, as numbered reports before the result: for a manager that is away. `report`
   * resolves when a piece is safe. Of a log that is longer than one go takes the end is left out; the task's folder has it.
   */
  async leave(report: (body: Parameters<Tell>[0]) => Promise<unknown>): Promise<void> {
    const end = Math.min(sizeOf(this.#folder.log), this.#logHas + mostPieces * pieceBytes);
    while (this.#logHas < end) {
      const text = readPiece(this.#folder.log, this.#logHas, Math.min(pieceBytes, end - this.#logHas));
      if (text.length === 0) return;
      await report({ body: 'log', log: { id: this.#id, offset: this.#logHas, text } });
      this.#logHas += text.length;
    }
  }

  #pumpLog(tell: Tell): boolean {
    const size = sizeOf(this.#folder.log);
    for (let piece = 0; piece < mostPieces && this.#logAt < size; piece += 1) {
      const text = readPiece(this.#folder.log, this.#logAt, Math.min(pieceBytes, size - this.#logAt));
      if (text.length === 0) return true;
      if (!tell({ body: 'log', log: { id: this.#id, offset: this.#logAt, text } })) return false;
      this.#logAt += text.length;
    }
    return this.#logAt >= size;
  }

  #pumpProgress(tell: Tell): boolean {
    const size = sizeOf(this.#folder.events);
    for (let piece = 0; piece < mostPieces && this.#eventsAt < size; piece += 1) {
      const text = readPiece(this.#folder.events, this.#eventsAt, pieceBytes);
      const end = text.lastIndexOf(10) + 1;
      if (end === 0) break;
      this.#eventsAt += end;
      for (const line of text.subarray(0, end).toString('utf8').split('\n')) this.#take(line, tell);
    }
    if (this.#untold === undefined) return true;
    if (!tell({ body: 'progress', progress: { id: this.#id, ...this.#untold } })) return false;
    this.#untold = undefined;
    return true;
  }

  /** Of a stage only the newest counts; a new stage first brings out the end of the one before. */
  #take(line: string, tell: Tell): void {
    if (line === '') return;
    const record = parse(line);
    if (record === undefined) return;
    if (this.#untold !== undefined && this.#untold.stage !== record.stage) {
      tell({ body: 'progress', progress: { id: this.#id, ...this.#untold } });
    }
    this.#untold = record;
    this.#newest = record;
  }
}

function parse(line: string): ProgressRecord | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isProgress(value) ? value : undefined;
  } catch {
    return undefined; // a line that a full disk cut short
  }
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch {
    return 0;
  }
}
