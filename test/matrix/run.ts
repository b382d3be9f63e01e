import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../shared/process/run.ts';
import { CloneLab, told } from '../lab/clone-lab.ts';
import { compareMachines, type Comparison } from '../lab/compare.ts';
import type { GoldenKind } from '../lab/golden-layouts.ts';
import { capturedGolden, type Captured } from './captured.ts';
import type { Target } from './cells.ts';
import { checksum, machineFor, mirrored, type TargetMachine } from './machines.ts';

/** What became of one source on one target: `verdict` is empty when the clone is as it should be. */
export interface Cell {
  readonly source: GoldenKind;
  readonly target: Target;
  /** From the power button to `booted`. */
  readonly seconds: number;
  readonly verdict: string;
}

/** Two machines at once, emulated, on a host that has other work. */
const boundMs = 1_200_000;

/** Volumes and subvolumes that a source has before and after: a snapshot of the capture would be one more. */
const volumesOf: Readonly<Record<GoldenKind, readonly string[]>> = {
  ext4: [],
  lvm: ['root', 'swap'],
  raid1: [],
  btrfs: ['@', '@home', 'default @'],
};

/** Clones one source onto these targets at once, and compares them. */
export async function runCells(source: GoldenKind, wanted: readonly Target[]): Promise<Cell[]> {
  const captured = await capturedGolden(source);
  const lab = await CloneLab.start(wanted.map(nodeOf));
  try {
    await Promise.all(
      [...new Set(wanted.map(imageOf))].map(async (image) => {
        await pack(lab, image, captured);
      }),
    );
    const tried = await Promise.all(
      wanted.map(async (target): Promise<Cell & { readonly made?: TargetMachine }> => {
        const began = Date.now();
        const seconds = (): number => Math.round((Date.now() - began) / 1000);
        try {
          const made = await machineFor(lab, nodeOf(target), source, target);
          const booted = await install(lab, target, made);
          return { source, target, seconds: booted, verdict: '', made };
        } catch (thrown) {
          return { source, target, seconds: seconds(), verdict: messageOf(thrown) };
        } finally {
          await lab.pullPlug(nodeOf(target));
        }
      }),
    );
    const good = tried.flatMap(({ target, made }) => (made === undefined ? [] : [[nodeOf(target), made] as const]));
    if (good.length === 0) return tried;
    const files = Object.fromEntries(good.map(([node, { own }]) => [node, own.map(({ file }) => file)]));
    const found = await compareMachines('golden', { golden: captured.disks, ...files }).catch(messageOf);
    const verdicts = new Map(
      good.map(([node]) => [node, typeof found === 'string' ? found : differenceText(found, node, source)]),
    );
    for (const [node, made] of good) {
      if (made.own.length < 2) continue;
      const alone = await secondAlone(lab, node, made).catch(messageOf);
      verdicts.set(node, [verdicts.get(node) ?? '', alone].filter((text) => text !== '').join('\n'));
    }
    return tried.map((cell) => ({ ...cell, verdict: verdicts.get(nodeOf(cell.target)) ?? cell.verdict }));
  } finally {
    await lab.stop();
  }
}

function nodeOf(target: Target): string {
  return `to-${target}`;
}

function imageOf(target: Target): string {
  return target === 'mirror' ? 'edited' : 'img';
}

/** The captured tree as an osimage; another layout is given as a person gives it. */
async function pack(lab: CloneLab, image: string, { tree, layout }: Captured): Promise<void> {
  const [copy, edited] = [join(lab.dir, 'trees', image), join(lab.dir, `${image}.layout.json`)];
  await mkdir(join(copy, '..'), { recursive: true });
  await run('cp', ['--archive', '--reflink=auto', tree, copy], { timeoutMs: 300_000 });
  if (image === 'edited') await mirrored(layout, edited);
  else await run('cp', [layout, edited]);
  await lab.packed(image, copy, edited);
}

/** Until it has booted from its disk, is who it should be, and was switched off in order; seconds until it was up. */
async function install(lab: CloneLab, target: Target, made: TargetMachine): Promise<number> {
  const node = nodeOf(target);
  if (made.osvolume !== '') await lab.run('chdef', '-t', 'node', node, `osvolume=${made.osvolume}`);
  await lab.run('nodeset', node, `osimage=${imageOf(target)}`);
  const began = Date.now();
  const vm = await lab.power(node, made.machine);
  await lab.booted(node, boundMs);
  const seconds = Math.round((Date.now() - began) / 1000);
  const seen = await told(vm);
  const wanted = { name: node, failed: '', efi: made.machine.firmware === 'bios' ? 'no' : 'yes' };
  for (const [name, value] of Object.entries(wanted))
    if (seen[name] !== value) throw new Error(`${name} of the clone is ${JSON.stringify(seen[name])}, not ${value}`);
  if (!(await lab.shutDown(node, 300_000))) throw new Error('the clone did not shut down in order');
  if (made.protected !== undefined && (await checksum(made.protected.file)) !== made.protected.digest)
    throw new Error('the protected disk was written to');
  return seconds;
}

/** A clone on a mirror starts from its second disk when the first is gone. */
async function secondAlone(lab: CloneLab, node: string, { machine, own }: TargetMachine): Promise<string> {
  const vm = await lab.power(node, { ...machine, disks: own.slice(1), first: 'disk' });
  try {
    const { name } = await told(vm);
    return name === node ? '' : `from its second disk it is ${name ?? 'nobody'}`;
  } catch (thrown) {
    return `it does not start from its second disk: ${messageOf(thrown)}\n${(await vm.console.text()).slice(-1500)}`;
  } finally {
    await lab.pullPlug(node);
  }
}

function differenceText(found: Comparison, node: string, source: GoldenKind): string {
  const shared = Object.entries(found.shared).flatMap(([pair, what]) => (pair.split(' ').includes(node) ? what : []));
  const volumes = ['golden', node].flatMap((name) => {
    const has = JSON.stringify(found.volumes[name] ?? []);
    return has === JSON.stringify(volumesOf[source]) ? [] : [`${name} has the volumes ${has}`];
  });
  const all = [
    ...(found.differences[node] ?? ['not compared']),
    ...(found.leaks[node] ?? []),
    ...shared.map((what) => `not its own: ${what}`),
    ...volumes,
  ];
  return all.slice(0, 20).join('\n');
}

export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
