import { availableParallelism } from 'node:os';
import { CloneLab } from '../lab/clone-lab.ts';
import { disksFor, firmwareOf, packGolden, sizesOf } from '../lab/golden-disk.ts';
import type { Bench, Figures } from './measure.ts';

/** One core of the machine works for each emulated one, or they measure each other. */
const atOnce = [1, 2, 4] as const;
const kind = 'ext4';
/** What the installed system is given too; the lab's other tests take more, for the sake of speed. */
const memoryMiB = 512;
const patienceMs = 900_000;

/**
 * Whole installations of bare virtual machines from one boot server, one and several at once: from the power button to
 * the installed system's agent saying that it is up. In software emulation, on a machine that is too small for four of
 * them, the other figure of several nodes is `lastOfFourOverOne` of the bench `clone`: the same stream, unpacked here.
 */
export const cloneNodesBench: Bench = {
  name: 'clone-nodes',
  bound: 1450,
  run: async (signal) => {
    if (process.getuid?.() !== 0) throw new Error('needs root: network namespaces');
    const rounds = atOnce.filter((count) => count <= availableParallelism());
    const names = rounds.map((count) => Array.from({ length: count }, (_, at) => `r${count}n${at + 1}`));
    const lab = await CloneLab.start(names.flat());
    try {
      await packGolden(lab, 'base', kind);
      const figures: Record<string, Figures> = {};
      for (const nodes of names) figures[`${nodes.length}`] = await install(lab, nodes, signal);
      const last = (count: number): number => Number(figures[`${count}`]?.['lastBootedSeconds'] ?? Number.NaN);
      const left = atOnce.filter((count) => !rounds.includes(count));
      return {
        ...{ firmware: firmwareOf(kind), memoryMiB, installerMB: await installerMB(lab), nodesAtOnce: figures },
        ...(rounds.includes(2) && { lastOfTwoOverOne: Number((last(2) / last(1)).toFixed(2)) }),
        ...(rounds.includes(4) && { lastOfFourOverOne: Number((last(4) / last(1)).toFixed(2)) }),
        ...(left.length > 0 && {
          notMeasured: `${left.join(' and ')} at once: this machine has ${availableParallelism()} cores, and emulated machines take one each`,
        }),
      };
    } finally {
      await lab.stop();
    }
  },
};

async function install(lab: CloneLab, nodes: readonly string[], signal: AbortSignal): Promise<Figures> {
  signal.throwIfAborted();
  await lab.run('nodeset', nodes.join(','), 'osimage=base');
  const disks = await Promise.all(nodes.map((node) => disksFor(lab, node, sizesOf(kind), 'virtio')));
  const began = Date.now();
  const seconds = (): number => Number(((Date.now() - began) / 1000).toFixed(1));
  const times = await Promise.all(
    nodes.map(async (node, at) => {
      const vm = await lab.power(node, { firmware: firmwareOf(kind), disks: disks[at] ?? [], memoryMiB });
      // The installer's last step before the machine starts from its disk.
      await vm.console.waitFor(/\] finishing/, { timeoutMs: patienceMs, over: vm.over });
      const installed = seconds();
      await lab.booted(node, patienceMs);
      return { installed, booted: seconds() };
    }),
  );
  for (const node of nodes) await lab.pullPlug(node);
  return {
    lastInstalledSeconds: Math.max(...times.map(({ installed }) => installed)),
    lastBootedSeconds: Math.max(...times.map(({ booted }) => booted)),
  };
}

/** Of the initrd that a node loads, as it is packed. */
async function installerMB(lab: CloneLab): Promise<number> {
  const text = await lab.run('hostler', 'image', 'show', 'base');
  return Number(/^initrd .*\(([\d.]+) MB\)$/m.exec(text)?.[1] ?? Number.NaN);
}
