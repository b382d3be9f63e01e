import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type PieceOf, Shelf } from '../../../../../agent/services/relay/shelf.ts';

const block = 4096;
const content = Buffer.alloc(100, 'x');
const piece = (agent: string, first: number, last = first): PieceOf => ({ agent, incarnation: 'life-1', first, last });

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hostler-shelf-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('one agent has no more room than its own, however many pieces it brings at once', async () => {
  const shelf = await Shelf.open(folder, 10 * block, 2 * block);
  const tried = await Promise.allSettled([1, 2, 3, 4, 5].map((number) => shelf.put(piece('a1', number), content)));
  expect(tried.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
  expect(
    String((tried.find(({ status }) => status === 'rejected') as PromiseRejectedResult | undefined)?.reason),
  ).toMatch(/no more reports of 'a1' \(8192/);
  await shelf.put(piece('a2', 1), content);
  expect(shelf.bytes).toBe(3 * block);
});

it('what is handed over, or comes again in a longer piece, makes room; also after a restart', async () => {
  const shelf = await Shelf.open(folder, 10 * block, 2 * block);
  await shelf.put(piece('a1', 1), content);
  await shelf.put(piece('a1', 1, 2), content);
  expect(shelf.of('a1').map(({ first, last }) => [first, last])).toEqual([[1, 2]]);
  await shelf.put(piece('a1', 3), content);
  await expect(shelf.put(piece('a1', 4), content)).rejects.toMatchObject({ code: 'resource_exhausted' });

  const again = await Shelf.open(folder, 10 * block, 2 * block);
  await expect(again.put(piece('a1', 4), content)).rejects.toMatchObject({ code: 'resource_exhausted' });
  const [oldest] = again.of('a1');
  if (oldest !== undefined) await again.remove(oldest);
  await again.put(piece('a1', 4), content);
  expect(again.of('a1').map(({ first }) => first)).toEqual([3, 4]);
  expect(again.bytes).toBe(2 * block);
});
