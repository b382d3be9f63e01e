import { describe, expect, it } from 'vitest';
import { goldenLayouts } from '../../lab/golden-layouts.ts';
import { batches, chosen } from '../../matrix/cells.ts';

const cells = (list: typeof batches): string[] =>
  list.flatMap(([source, targets]) => targets.map((target) => `${source} ${target}`));

describe('the matrix', () => {
  it('has every source on every kind of machine, once, two machines at a time', () => {
    const all = cells(batches);
    expect(new Set(all).size).toBe(all.length);
    for (const source of Object.keys(goldenLayouts))
      for (const target of ['same', 'nvme', 'scsi', 'firmware']) expect(all).toContain(`${source} ${target}`);
    for (const [, targets] of batches) expect(targets.length).toBeLessThanOrEqual(2);
  });

  it('begins with every source, and every kind of machine is among them', () => {
    const first = cells(batches.slice(0, 4));
    expect(first.filter((cell) => cell.endsWith(' same'))).toHaveLength(4);
    expect([...new Set(first.map((cell) => cell.split(' ')[1]))].sort()).toEqual(['firmware', 'nvme', 'same', 'scsi']);
  });

  it('runs only what is wanted', () => {
    expect(cells(chosen(['raid1'], ['nvme', 'same']))).toEqual(['raid1 same', 'raid1 nvme']);
    expect(chosen(['lvm'], ['mirror'])).toEqual([]);
    expect(chosen([], [])).toEqual(batches);
  });
});
