// bound: 60 s
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { planDisks } from '../../shared/layout/plan.ts';
import { checkedTarget, type Target } from '../../shared/layout/target.ts';
import { run } from '../../shared/process/run.ts';
import { root } from '../tools/step.ts';
import { goldenLayouts } from '../lab/golden-layouts.ts';

/* What the installer tells of a machine's disks: its own words, by busybox, in a folder with a /sys as the kernel has it. */

let machine: string;

async function put(path: string, text: string): Promise<void> {
  await mkdir(join(machine, path, '..'), { recursive: true });
  await writeFile(join(machine, path), text);
}

/** 4 GiB, and whatever is said otherwise. */
async function disk(name: string, files: Readonly<Record<string, string>> = {}): Promise<void> {
  await mkdir(join(machine, 'sys/block', name, 'holders'), { recursive: true });
  const usual = { size: `${8 * 2 ** 20}\n`, removable: '0\n', ro: '0\n', serial: `S-${name}\n` };
  for (const [file, text] of Object.entries({ ...usual, ...files })) await put(`sys/block/${name}/${file}`, text);
}

async function describeMachine(): Promise<Target> {
  const text = await readFile(join(root, 'agent/tasks/clone/installer/install.sh'), 'utf8');
  const [functions] = /^# Names of the kernel[^]*?(?=^# Waits until there is a plan)/m.exec(text) ?? [''];
  const { stdout } = await run('chroot', [machine, '/bin/busybox', 'sh', '-c', `${functions}\ndescribe_machine`]);
  return checkedTarget(JSON.parse(stdout));
}

beforeAll(async () => {
  machine = await mkdtemp(join(tmpdir(), 'htarget-'));
  await mkdir(join(machine, 'bin'));
  await copyFile('/bin/busybox', join(machine, 'bin/busybox'));
  await run('chroot', [machine, '/bin/busybox', '--install', '-s', '/bin']);
  await put('dev/null', '');
  await put('proc/swaps', 'Filename Type Size Used Priority\n/dev/vde2 partition 1 0 -2\n');
  await put('proc/mounts', 'proc /proc proc rw 0 0\n/dev/vdd1 /mnt ext4 rw 0 0\n');
});

afterAll(() => rm(machine, { recursive: true, force: true }));

it('a machine without disks has none, and is refused', async () => {
  const target = await describeMachine();
  expect(target).toEqual({ firmware: 'bios', disks: [], groups: [] });
  expect(() => planDisks(goldenLayouts.ext4, target, { protect: [], smaller: false }, () => '', '/t')).toThrow(
    /this machine has no disk at all\. Nothing was written/,
  );
});

it('a disk that is mounted, swapped to, part of something, read-only or removable is said to be so, and never taken', async () => {
  await disk('vda');
  await disk('vdb', { 'holders/md0': '' });
  await disk('vdc', { ro: '1\n' });
  await disk('vdd', { removable: '1\n' });
  await disk('vde');
  await disk('vdf', { size: '0\n' });
  await disk('loop0');
  await put('proc/mounts', 'proc /proc proc rw 0 0\n/dev/vda1 /mnt ext4 rw 0 0\n');
  const target = await describeMachine();
  const states = target.disks.map(({ device, busy, readOnly, removable }) => [device, { busy, readOnly, removable }]);
  expect(Object.fromEntries(states)).toEqual({
    vda: { busy: true, readOnly: false, removable: false },
    vdb: { busy: true, readOnly: false, removable: false },
    vdc: { busy: false, readOnly: true, removable: false },
    vdd: { busy: false, readOnly: false, removable: true },
    vde: { busy: true, readOnly: false, removable: false },
  });
  expect(target.disks[0]).toMatchObject({ bytes: 4 * 2 ** 30, serial: 'S-vda' });
  expect(() => planDisks(goldenLayouts.ext4, target, { protect: [], smaller: false }, () => '', '/t')).toThrow(
    /vda \(4 GiB\): in use; vdb \(4 GiB\): in use; vdc \(4 GiB\): read-only; vdd \(4 GiB\): removable; vde \(4 GiB\): in use\. Nothing was written/,
  );
});
