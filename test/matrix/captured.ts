import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '../../deploy/lab/wait.ts';
import { run } from '../../shared/process/run.ts';
import { CloneLab } from '../lab/clone-lab.ts';
import { copyDisk } from '../lab/disks.ts';
import { goldenDisks, startGolden } from '../lab/golden-disk.ts';
import type { GoldenKind } from '../lab/golden-layouts.ts';
import { testCache } from '../lab/golden-tree.ts';
import { root } from '../tools/step.ts';

/** A golden client as it was captured, and what its disks were afterwards. Whoever uses it copies it first. */
export interface Captured {
  readonly tree: string;
  readonly layout: string;
  readonly disks: readonly string[];
  /** What imgcapture said. */
  readonly said: string;
}

/** How each source must have been read: a consistent view where there is one. */
const views: Readonly<Record<GoldenKind, readonly string[]>> = {
  ext4: ['/ in passes: there are no snapshots of ext4'],
  lvm: ['/ from a snapshot of LVM', '/boot in passes', '/boot/efi in passes'],
  raid1: ['/ in passes: there are no snapshots of ext4'],
  btrfs: ['/ from a snapshot of btrfs', '/home from a snapshot of btrfs', '/boot/efi in passes'],
};

/** Code that makes a capture what it is. */
const codeOf = ['agent/tasks/clone/capture', 'agent/tasks/clone/machine', 'shared/layout', 'shared/clone'];

/** Captures a running golden client on ATA disks once and keeps that, by what it is made of: several minutes each. */
export async function capturedGolden(kind: GoldenKind): Promise<Captured> {
  const kept = await goldenDisks(kind);
  const digest = createHash('sha256').update(JSON.stringify(kept));
  for (const folder of codeOf) {
    const names = (await readdir(join(root, folder), { recursive: true })).sort();
    for (const name of names.filter((one) => one.endsWith('.ts')))
      digest.update(await readFile(join(root, folder, name)));
  }
  const folder = join(testCache, `captured-${kind}-${digest.digest('hex').slice(0, 12)}`);
  if ((await stat(folder).catch(() => undefined)) === undefined) await capture(kind, folder);
  return {
    tree: join(folder, 'tree'),
    layout: join(folder, 'layout.json'),
    disks: kept.map((_, index) => join(folder, `${index}.disk`)),
    said: await readFile(join(folder, 'said'), 'utf8'),
  };
}

async function capture(kind: GoldenKind, folder: string): Promise<void> {
  const lab = await CloneLab.start(['golden']);
  try {
    const { disks } = await startGolden(lab, 'golden', kind, 'ata');
    await eventually('the golden client is connected', () => lab.connected('golden'), {
      timeoutMs: 600_000,
      everyMs: 1000,
    });
    const said = await lab.runFor(1_200_000, 'imgcapture', 'golden', '-t', 'sysclone', '-o', 'img');
    const missing = views[kind].filter((view) => !said.includes(view));
    if (missing.length > 0) throw new Error(`imgcapture does not say ${missing.join(', ')}:\n${said}`);
    if (!(await lab.shutDown('golden', 300_000))) throw new Error('the golden client did not shut down in order');
    const fresh = `${folder}.${process.pid}`;
    await rm(fresh, { recursive: true, force: true });
    await mkdir(fresh, { recursive: true, mode: 0o700 });
    const clones = join(lab.dir, 'install/sysclone');
    await run('cp', ['--archive', '--reflink=auto', join(clones, 'images/img'), join(fresh, 'tree')]);
    await run('cp', [join(clones, 'scripts/img.layout.json'), join(fresh, 'layout.json')]);
    for (const [index, { file }] of disks.entries()) await copyDisk(file, join(fresh, `${index}.disk`));
    await writeFile(join(fresh, 'said'), said);
    await rename(fresh, folder);
  } finally {
    await lab.stop();
  }
}
