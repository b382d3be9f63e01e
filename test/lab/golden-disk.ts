import { createHash } from 'node:crypto';
import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../shared/process/run.ts';
import type { Layout } from '../../shared/layout/layout.ts';
import { CloneLab, type LabMachine } from './clone-lab.ts';
import { copyDisk, emptyDisk, type DiskBus, type LabDisk } from './disks.ts';
import { goldenLayouts, type GoldenKind } from './golden-layouts.ts';
import { goldenSerial, mark, marksKey } from './golden-marks.ts';
import { goldenTree, goldenTreeKey, keepAs, testCache } from './golden-tree.ts';
import { dist } from '../tools/real-manager.ts';

/** Of TCG on a busy machine; a quiet one takes half of it. */
export const installMs = 600_000;

/** A golden tree as an osimage of the lab, packed with one of the golden layouts. */
export async function packGolden(lab: CloneLab, image: string, kind: GoldenKind): Promise<void> {
  const tree = join(lab.dir, 'trees', image);
  await mkdir(join(tree, '..'), { recursive: true });
  await run('cp', ['--archive', '--reflink=auto', await goldenTree(), tree]);
  await mark(tree);
  const layout = join(lab.dir, `${image}.layout.json`);
  await writeFile(layout, JSON.stringify(goldenLayouts[kind]));
  await lab.packed(image, tree, layout);
}

/** Disks for a layout as it was captured, on a bus. */
export async function disksFor(
  lab: CloneLab,
  node: string,
  sizes: readonly number[],
  bus: DiskBus,
): Promise<LabDisk[]> {
  return Promise.all(
    sizes.map(async (bytes, index) => ({
      file: await emptyDisk(join(lab.dir, `${node}.${index}.disk`), bytes),
      bus,
      serial: `${node.toUpperCase()}${index}`,
    })),
  );
}

export function sizesOf(kind: GoldenKind): number[] {
  const layout: Layout = goldenLayouts[kind];
  return layout.disks.map(({ bytes }) => bytes);
}

export function firmwareOf(kind: GoldenKind): 'bios' | 'uefi' {
  return goldenLayouts[kind].firmware;
}

/**
 * The disks of a machine that Hostler's own installer made of a layout file and a golden tree, before its first start.
 * Made once and kept, since it takes minutes; whoever starts a machine from them copies them first.
 */
export async function goldenDisks(kind: GoldenKind): Promise<string[]> {
  const words = JSON.stringify([goldenTreeKey, marksKey, goldenLayouts[kind]]);
  const key = createHash('sha256').update(words).digest('hex').slice(0, 12);
  const folder = join(testCache, `golden-disk-${kind}-${key}`);
  const files = sizesOf(kind).map((_, index) => join(folder, `${index}.disk`));
  if (await stat(folder).catch(() => undefined)) return files;
  const lab = await CloneLab.start(['golden']);
  try {
    await packGolden(lab, 'base', kind);
    await lab.run('nodeset', 'golden', 'osimage=base');
    const disks = await disksFor(lab, 'golden', sizesOf(kind), 'virtio');
    const { console, over } = await lab.power('golden', { firmware: firmwareOf(kind), disks });
    // Said when all is on the disk and unmounted: its first start is that of the golden client.
    await console.waitFor(/installed; restarting from disk/, { timeoutMs: installMs, over });
    await lab.pullPlug('golden');
    const fresh = `${folder}.${process.pid}`;
    await rm(fresh, { recursive: true, force: true });
    await mkdir(fresh, { recursive: true, mode: 0o700 });
    for (const [index, { file }] of disks.entries()) await copyDisk(file, join(fresh, `${index}.disk`));
    await keepAs(fresh, folder);
  } finally {
    await lab.stop();
  }
  return files;
}

/** Starts a golden client: a machine that was installed, whose agent joins this lab's manager with the role golden. */
export async function startGolden(
  lab: CloneLab,
  node: string,
  kind: GoldenKind,
  bus: DiskBus = 'virtio',
): Promise<LabMachine> {
  const kept = await goldenDisks(kind);
  const disks = await Promise.all(
    kept.map(async (file, index): Promise<LabDisk> => ({
      file: await copyDisk(file, join(lab.dir, `${node}.${index}.disk`)),
      bus,
      serial: `GOLDEN${index}`,
    })),
  );
  const own = { firmware: firmwareOf(kind), first: 'disk' } as const;
  const machine: LabMachine = { ...own, disks, more: await goldenMark(lab, node) };
  // The agent that keeps the image opens its address with the first boot configuration.
  await lab.run('nodeset', node, 'boot');
  await lab.power(node, machine);
  return machine;
}

/** The disk that makes a machine the golden client (golden-marks.ts), as QEMU arguments. */
async function goldenMark(lab: CloneLab, node: string): Promise<string[]> {
  const folder = join(lab.dir, `${node}.mark`);
  await mkdir(folder);
  const token = (await lab.run('hostler', 'agents', 'token', '--roles', 'golden')).trim();
  await writeFile(join(folder, 'token'), token);
  await writeFile(
    join(folder, 'golden.conf'),
    `[Service]
Environment=HOSTLER_TOKEN=${token}
ExecStart=
ExecStart=/usr/bin/node /opt/hostler/hostler-agent --home /var/lib/hostler/agent --manager ${lab.network.address}:7440 --name ${node} --roles golden
`,
  );
  await run('cp', [join(dist, 'hostler-agent'), folder]);
  const disk = join(lab.dir, `${node}.mark.disk`);
  await run('tar', ['--create', '--file', disk, '--directory', folder, '.']);
  return [
    ...['-drive', `if=none,id=mark,format=raw,readonly=on,file=${disk}`],
    ...['-device', `virtio-blk-pci,drive=mark,serial=${goldenSerial}`],
  ];
}
