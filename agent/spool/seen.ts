import { appendFile, open, readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile } from '../../shared/files/durable.ts';

/** Ids remembered per incarnation; the manager never comes back to one this old. */
const most = 50_000;

/** Tasks of this incarnation whose folders are gone: they are not run again. One id a line in `spool/.seen-<incarnation>`. */
export class Seen {
  readonly #file: string;
  readonly #ids: Set<string>;

  private constructor(file: string, ids: Set<string>) {
    this.#file = file;
    this.#ids = ids;
  }

  static async open(spool: string, incarnation: string): Promise<Seen> {
    const name = `.seen-${incarnation}`;
    for (const other of await readdir(spool)) {
      if (other.startsWith('.seen-') && other !== name) await rm(join(spool, other), { force: true });
    }
    const file = join(spool, name);
    const text = await readFile(file, 'utf8').catch(() => '');
    const ids = text.split('\n').filter((line) => line !== '');
    const kept = ids.slice(-most);
    if (kept.length < ids.length) await replaceFile(file, `${kept.join('\n')}\n`);
    return new Seen(file, new Set(kept));
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  /** On the disk when this resolves. */
  async add(id: string): Promise<void> {
    if (this.#ids.has(id)) return;
    // A line that a full disk cut short is closed first; ids hold no newline (they are checked when accepted).
    await appendFile(this.#file, `\n${id}\n`, { mode: 0o600 });
    const handle = await open(this.#file, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
    this.#ids.add(id);
  }
}
