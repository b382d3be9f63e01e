import { appendFileSync, copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { commandsFor } from '../tools/commands.ts';
import { RealManager, dist } from '../tools/real-manager.ts';
import { step } from '../tools/step.ts';
import { median, type Bench } from './measure.ts';
import { PeakMemory } from './peak-memory.ts';

const image = 'bench-image';

/** genimage and packimage beside the bare tools on the same packages. Needs root and a package mirror. */
export const imageBench: Bench = {
  name: 'image',
  bound: 1500,
  run: async () => {
    if (process.getuid?.() !== 0) throw new Error('needs root: a root tree is built');
    const folder = mkdtempSync(join(tmpdir(), 'hostler-bench-'));
    const manager = await RealManager.start(['--agent-roles', 'build,store', '--install-dir', join(folder, 'install')]);
    try {
      return await measure(folder, manager);
    } finally {
      await manager.dispose();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

async function measure(folder: string, manager: RealManager): Promise<Record<string, number>> {
  const lists = join(dist, 'share/netboot/debian');
  const pkglist = join(folder, 'bench.pkglist');
  const postinstall = join(folder, 'bench.postinstall');
  const rootimgdir = join(folder, 'image');
  copyFileSync(join(lists, 'compute.pkglist'), pkglist);
  writeFileSync(postinstall, '#!/bin/sh\necho one >"$1/etc/bench"\n', { mode: 0o755 });
  const run = commandsFor(manager.env);
  const seconds = async (name: string, ...args: string[]): Promise<number> => {
    const began = Date.now();
    const { exit, stdout, stderr } = await run(name, args, { timeoutMs: 900_000 });
    if (exit !== 0) throw new Error(`${name} ${args.join(' ')}: exit ${String(exit)}\n${stdout}${stderr}`);
    const took = (Date.now() - began) / 1000;
    process.stderr.write(`  ${name}: ${took.toFixed(1)} s\n`);
    return took;
  };
  const agents = async (): Promise<string> => (await run('hostler', ['agents'])).stdout;
  for (let tries = 0; tries < 100 && !(await agents()).includes('connected'); tries += 1) await delay(100);
  await seconds(
    ...([
      'mkdef',
      '-t',
      'osimage',
      image,
      'imagetype=linux',
      'osname=Linux',
      'osvers=debian12',
      'osarch=x86_64',
    ] as const),
    ...['profile=compute', 'provmethod=netboot', `pkglist=${pkglist}`, `postinstall=${postinstall}`],
    `rootimgdir=${rootimgdir}`,
  );
  // A task and all it starts know the folder of the task, which lies in the agent's home.
  const memory = new PeakMemory(`HOSTLER_TASK_DIR=${manager.home}/`);
  const cold = await seconds('genimage', image);
  const coldMemory = memory.take();
  const warm = async (times: number, change: (turn: number) => void): Promise<number> => {
    const taken: number[] = [];
    for (let turn = 0; turn < times; turn += 1) {
      change(turn);
      taken.push(await seconds('genimage', image));
    }
    return median(taken);
  };
  const nothing = await warm(3, () => {});
  const oneFile = await warm(3, (turn) =>
    writeFileSync(postinstall, `#!/bin/sh\necho ${String(turn)} >"$1/etc/bench"\n`, { mode: 0o755 }),
  );
  const onePackage = await warm(3, (turn) => appendFileSync(pkglist, `${['tree', 'file', 'lsof'][turn] ?? ''}\n`));
  const warmMemory = memory.take();
  memory.stop();
  const packimage = await seconds('packimage', '-m', 'squashfs', image);

  const root = join(rootimgdir, 'rootimg');
  const packCpio = await seconds('packimage', '-m', 'cpio', '-c', 'gzip', image);
  const level = await bare([
    'mksquashfs',
    root,
    join(folder, 'plain.sfs'),
    '-comp',
    'zstd',
    '-Xcompression-level',
    '3',
    '-noappend',
    '-no-progress',
  ]);
  const archive = join(folder, 'plain.cpio');
  const names = 'find . -print0 | cpio --null -o -H newc --quiet >"$1" && gzip -n "$1"';
  const cpio = await bare(['sh', '-c', `cd "$2" && ${names}`, 'sh', archive, root]);
  const packages = [...readFileSync(join(root, 'var/lib/dpkg/status'), 'utf8').matchAll(/^Package: (.*)$/gm)].map(
    ([, name]) => name ?? '',
  );
  const sources = '/etc/apt/sources.list.d/debian.sources';
  const plainMemory = new PeakMemory('HOSTLER_BENCH=mmdebstrap');
  const plain = await bare(
    [
      ...['mmdebstrap', '--mode=root', '--variant=minbase', "--aptopt=Apt::Install-Recommends 'false'"],
      ...[`--include=${packages.join(',')}`, 'bookworm', join(folder, 'plain'), sources],
    ],
    { HOSTLER_BENCH: 'mmdebstrap' },
  );
  const mmdebstrapMemory = plainMemory.take();
  plainMemory.stop();
  return {
    genimageColdSeconds: cold,
    mmdebstrapSeconds: plain,
    coldRatio: Number((cold / plain).toFixed(2)),
    coldBudget: 1.2,
    nothingChangedSeconds: nothing,
    nothingChangedBudget: 2,
    oneFileChangedSeconds: oneFile,
    oneFileChangedBudget: 4,
    onePackageAddedSeconds: onePackage,
    onePackageAddedBudget: 20,
    coldPeakMiB: coldMemory,
    warmPeakMiB: warmMemory,
    mmdebstrapPeakMiB: mmdebstrapMemory,
    packimageSeconds: packimage,
    mksquashfsSeconds: level,
    packRatio: Number((packimage / level).toFixed(2)),
    packBudget: 1.1,
    packCpioSeconds: packCpio,
    cpioSeconds: cpio,
    packCpioRatio: Number((packCpio / cpio).toFixed(2)),
  };
}

async function bare(argv: readonly string[], env: Record<string, string> = {}): Promise<number> {
  const result = await step(argv, { bound: 900, env });
  if (!result.ok) throw new Error(`${argv[0] ?? ''}: ${result.reason}\n${result.output.slice(-2000)}`);
  return result.seconds;
}
