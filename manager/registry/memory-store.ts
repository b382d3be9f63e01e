import { MemoryLevel } from 'memory-level';
import { type Level, type Store, levelEntries, levelWrite } from './store.ts';

/** A store that forgets everything with the process; for tests. */
export async function openMemoryStore(): Promise<Store> {
  const level: Level = new MemoryLevel<string, string>();
  await level.open();
  return {
    get: (key) => level.get(key),
    entries: (range) => levelEntries(level, range),
    write: (batch, sync) => levelWrite(level, batch, sync),
    close: () => level.close(),
  };
}
