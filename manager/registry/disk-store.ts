import { Level as ClassicLevel } from 'level';
import { mkdirSync } from 'node:fs';
import { HostlerError } from '../../shared/errors/error.ts';
import { metaKeys } from './keys.ts';
import { type Level, type Store, type StoreRange, type StoreWrite, levelEntries, levelWrite } from './store.ts';

/** True for LevelDB's word that another process holds the database. */
function isLocked(thrown: unknown): boolean {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    if ('code' in error && error.code === 'LEVEL_LOCKED') return true;
  }
  return false;
}

function isFull(thrown: unknown): boolean {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    if (/no space left|disk quota/i.test(error.message)) return true;
  }
  return false;
}

/** LevelDB's own words stand in the innermost cause. */
function whyOf(thrown: unknown): string {
  let error = thrown;
  while (error instanceof Error && error.cause instanceof Error) error = error.cause;
  return error instanceof Error ? error.message : String(error);
}

/** Opens LevelDB in the folder. Refused with failed_precondition (and LEVEL_LOCKED as cause) while another process has it. */
async function openLevel(folder: string): Promise<Level> {
  const level = new ClassicLevel<string, string>(folder, { cacheSize: 4 * 1024 * 1024 });
  try {
    await level.open();
    return level;
  } catch (cause) {
    if (isLocked(cause)) {
      throw new HostlerError('failed_precondition', `Another process has the registry in ${folder} open.`, { cause });
    }
    throw new HostlerError('data_loss', `The registry in ${folder} cannot be opened: ${whyOf(cause)}`, { cause });
  }
}

/**
 * The registry's database on disk. After a failed write LevelDB's log may end in half a record, and what is appended
 * behind it may not be read back; so the database is opened anew, which settles whether the batch is there (each
 * carries a number), before anything else is written.
 */
class DiskStore implements Store {
  readonly #folder: string;
  #level: Level;
  #batch: number;
  /** The number of a batch whose fate is not known yet. */
  #doubtful: number | undefined;

  constructor(folder: string, level: Level, batch: number) {
    this.#folder = folder;
    this.#level = level;
    this.#batch = batch;
  }

  get(key: string): Promise<string | undefined> {
    return this.#level.get(key);
  }

  entries(range: StoreRange): AsyncIterable<readonly [string, string]> {
    return levelEntries(this.#level, range);
  }

  async write(batch: readonly StoreWrite[], sync: boolean): Promise<void> {
    if (this.#doubtful !== undefined && (await this.#settle().catch((cause: unknown) => this.#fail(cause)))) {
      // We said that it failed, and others acted on it. Only a fresh start from the disk is sure to be right.
      throw new HostlerError(
        'data_loss',
        'A write that had failed is on the disk after all; the manager must be started again.',
      );
    }
    const number = ++this.#batch;
    try {
      await levelWrite(this.#level, [...batch, { key: metaKeys.batch, value: String(number) }], sync);
    } catch (cause) {
      this.#doubtful = number;
      if (!(await this.#settle().catch(() => false))) this.#fail(cause);
    }
  }

  #fail(cause: unknown): never {
    const message = `The registry in ${this.#folder} cannot be written: ${whyOf(cause)}. Nothing was changed.`;
    throw new HostlerError(isFull(cause) ? 'resource_exhausted' : 'unavailable', message, { cause });
  }

  /** Opens the database anew; true when the doubtful batch turned out to be there. */
  async #settle(): Promise<boolean> {
    await this.#level.close();
    await this.#level.open();
    const there = Number((await this.#level.get(metaKeys.batch)) ?? 0) === this.#doubtful;
    this.#doubtful = undefined;
    return there;
  }

  close(): Promise<void> {
    return this.#level.close();
  }
}

/** Opens or makes the database in the folder. */
export async function openDiskStore(folder: string): Promise<Store> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const level = await openLevel(folder);
  return new DiskStore(folder, level, Number((await level.get(metaKeys.batch)) ?? 0));
}
