/*
 * npm run matrix [-- SOURCE ...] [--on TARGET,...]: clones every kind of golden client onto every kind of machine, with
 * virtual machines, and compares each clone with its source by a script that shares no code with Hostler. A quarter of
 * an hour a source. Prints a table; exit 1 when anything was not as it should be.
 *   sources: ext4 (BIOS), lvm (UEFI, LVM, xfs), raid1 (BIOS, md), btrfs (UEFI, subvolumes); captured on ATA disks
 *   targets: same, nvme (larger), scsi (virtio-scsi), firmware (BIOS to UEFI, UEFI to BIOS)
 */
import { parseArgs } from 'node:util';
import { eventually } from '../../deploy/lab/wait.ts';
import { CloneLab, told, type LabMachine } from '../lab/clone-lab.ts';
import { compareMachines, type Comparison } from '../lab/compare.ts';
import { disksFor, firmwareOf, goldenDisks, installMs, sizesOf, startGolden } from '../lab/golden-disk.ts';
import { goldenLayouts, gib, type GoldenKind } from '../lab/golden-layouts.ts';

const targets = ['same', 'nvme', 'scsi', 'firmware'] as const;
type Target = (typeof targets)[number];

const say = (text: string): void => void process.stdout.write(`${text}\n`);

async function machineFor(lab: CloneLab, source: GoldenKind, target: Target): Promise<LabMachine> {
  const sizes = sizesOf(source).map((bytes) => (target === 'same' ? bytes : bytes + gib));
  const firmware = firmwareOf(source);
  const other = firmware === 'bios' ? 'uefi' : 'bios';
  const bus = target === 'nvme' ? 'nvme' : target === 'scsi' ? 'scsi' : 'ata';
  return {
    firmware: target === 'firmware' ? other : firmware,
    disks: await disksFor(lab, nodeOf(target), sizes, bus),
  };
}

function nodeOf(target: Target): string {
  return `to-${target}`;
}

/** Two machines at a time: that is how many cores we count on. */
async function inPairs<T>(list: readonly T[], act: (one: T) => Promise<void>): Promise<void> {
  for (let index = 0; index < list.length; index += 2) await Promise.all(list.slice(index, index + 2).map(act));
}

/** What became of each target: empty when all is well. */
async function cloneAll(source: GoldenKind, wanted: readonly Target[]): Promise<ReadonlyMap<Target, string>> {
  const results = new Map<Target, string>();
  await goldenDisks(source);
  const lab = await CloneLab.start(['golden', ...wanted.map(nodeOf)]);
  try {
    const golden = await startGolden(lab, 'golden', source, 'ata');
    await eventually('the golden client is connected', () => lab.connected('golden'), {
      timeoutMs: 300_000,
      everyMs: 1000,
    });
    await lab.runFor(600_000, 'imgcapture', 'golden', '-t', 'sysclone', '-o', 'img');
    if (!(await lab.shutDown('golden'))) say(`${source}: the golden client did not shut down in order`);
    const machines = new Map<Target, LabMachine>();
    await inPairs(wanted, async (target) => {
      try {
        const node = nodeOf(target);
        const machine = await machineFor(lab, source, target);
        await lab.run('nodeset', node, 'osimage=img');
        const vm = await lab.power(node, machine);
        await lab.booted(node, installMs);
        const { failed } = await told(vm);
        if (failed !== '') throw new Error(`units of the clone failed: ${failed ?? ''}`);
        if (!(await lab.shutDown(node))) throw new Error('the clone did not shut down in order');
        machines.set(target, machine);
      } catch (thrown) {
        results.set(target, thrown instanceof Error ? thrown.message : String(thrown));
        await lab.pullPlug(nodeOf(target));
      }
    });
    if (machines.size > 0) {
      const files = (machine: LabMachine): string[] => machine.disks.map(({ file }) => file);
      const found = await compareMachines('golden', {
        golden: files(golden),
        ...Object.fromEntries([...machines].map(([target, machine]) => [nodeOf(target), files(machine)])),
      });
      for (const target of machines.keys()) results.set(target, differenceText(found, nodeOf(target)));
    }
  } finally {
    await lab.stop();
  }
  return results;
}

function differenceText(found: Comparison, node: string): string {
  const shared = Object.entries(found.shared).flatMap(([pair, what]) => (pair.split(' ').includes(node) ? what : []));
  const all = [
    ...(found.differences[node] ?? ['not compared']),
    ...(found.leaks[node] ?? []),
    ...shared.map((what) => `not its own: ${what}`),
  ];
  return all.slice(0, 20).join('\n');
}

const { values, positionals } = parseArgs({ options: { on: { type: 'string' } }, allowPositionals: true });
const sources = Object.keys(goldenLayouts) as GoldenKind[];
const chosen = positionals.length === 0 ? sources : sources.filter((one) => positionals.includes(one));
const wanted = targets.filter((one) => values.on === undefined || values.on.split(',').includes(one));
if (chosen.length === 0 || wanted.length === 0) {
  say(`sources: ${sources.join(' ')}; targets: ${targets.join(' ')}`);
  process.exit(2);
}
let bad = 0;
for (const source of chosen) {
  const began = Date.now();
  const results = await cloneAll(source, wanted).catch(
    (thrown: unknown) => new Map(wanted.map((target) => [target, String(thrown)] as const)),
  );
  for (const target of wanted) {
    const trouble = results.get(target) ?? 'not tried';
    if (trouble !== '') bad += 1;
    say(`${source.padEnd(6)} → ${target.padEnd(9)} ${trouble === '' ? 'the same' : `FAILED: ${trouble}`}`);
  }
  say(`${source}: ${((Date.now() - began) / 1000).toFixed(0)} s`);
}
process.exitCode = bad === 0 ? 0 : 1;
