/*
 * npm run matrix [-- --source SOURCE,... --target TARGET,... --results FILE --prepare]: clones every kind of golden client
 * onto every kind of machine, with virtual machines, and compares each clone with its source by a script that shares no
 * code with Hostler. Golden clients and captures are kept between runs; --prepare makes only those. A line a cell goes to
 * the results file as it ends; exit 1 when anything was not as it should be.
 *   sources: ext4 (BIOS), lvm (UEFI, LVM, xfs), raid1 (BIOS, md), btrfs (UEFI, subvolumes); captured on ATA disks
 *   targets: same, nvme (larger), scsi (virtio-scsi), firmware (BIOS to UEFI, UEFI to BIOS); of ext4 also mirror (an
 *            edited layout: RAID1 of two disks) and smaller (a smaller disk); both beside a disk that is protected
 */
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { goldenLayouts } from '../lab/golden-layouts.ts';
import { testCache } from '../lab/golden-tree.ts';
import { capturedGolden } from './captured.ts';
import { chosen, targets } from './cells.ts';
import { messageOf, runCells, type Cell } from './run.ts';

const { values } = parseArgs({
  options: {
    source: { type: 'string' },
    target: { type: 'string' },
    results: { type: 'string' },
    prepare: { type: 'boolean' },
  },
});
const list = (words: string | undefined): string[] => (words ?? '').split(',').filter((word) => word !== '');
const known: readonly string[] = [...Object.keys(goldenLayouts), ...targets];
const strange = [...list(values.source), ...list(values.target)].filter((word) => !known.includes(word));
const todo = chosen(list(values.source), list(values.target));
if (todo.length === 0 || strange.length > 0) {
  process.stderr.write(
    (strange.length > 0 ? `unknown: ${strange.join(' ')}; ` : 'nothing is both; ') +
      `sources: ${Object.keys(goldenLayouts).join(' ')}; targets: ${targets.join(' ')}\n`,
  );
  process.exit(2);
}
const results = values.results ?? join(testCache, 'matrix.txt');
if (values.prepare) {
  for (const source of new Set(todo.map(([one]) => one))) await capturedGolden(source);
  process.exit(0);
}
let bad = 0;
for (const [source, wanted] of todo) {
  const began = Date.now();
  const cells = await runCells(source, wanted).catch((thrown: unknown): Cell[] =>
    wanted.map((target) => ({
      source,
      target,
      seconds: Math.round((Date.now() - began) / 1000),
      verdict: messageOf(thrown),
    })),
  );
  for (const cell of cells) {
    if (cell.verdict !== '') bad += 1;
    const verdict = cell.verdict === '' ? 'the same' : `FAILED: ${cell.verdict}`;
    const line = `${cell.source.padEnd(6)} ${cell.target.padEnd(9)} ${String(cell.seconds).padStart(4)} s  ${verdict}\n`;
    process.stdout.write(line);
    await appendFile(results, `${new Date().toISOString()} ${line}`);
  }
}
process.exitCode = bad === 0 ? 0 : 1;
