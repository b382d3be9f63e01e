import { appendFileSync, copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { commandsFor } from '../tools/commands.ts';
import { RealManager, dist } from '../tools/real-manager.ts';
import { step } from '../tools/step.ts';
import { sizes } from './image-sizes.ts';
import { median, type Bench } from './measure.ts';
import { PeakMemory } from './peak-memory.ts';
import { transfer } from './transfer.ts';

const image = 'bench-image';
const bound = 900;

/**
 * genimage and packimage beside the bare tools on the same packages, transfer beside rsync, sizes. Needs root and a
 * package mirror. What the bound leaves no time for is missing from the figures, and `notMeasured` says so.
 */
export const imageBench: Bench = {
  name: 'image',
  bound,
  run: async (signal) => {
    if (process.getuid?.() !== 0) throw new Error('needs root: a root tree is built');
    const folder = mkdtempSync(join(tmpdir(), 'hostler-bench-'));
    const manager = await RealManager.start(['--agent-roles', 'build,store', '--install-dir', join(folder, 'install')]);
    const figures: Record<string, number | string> = {};
    try {
      const site = new Site(folder, manager, figures, signal);
      await site.define();
      await builds(site);
      await packings(site);
      Object.assign(figures, await sizes(site));
      Object.assign(figures, await transfer(site));
    } catch (thrown) {
      const why = thrown instanceof Error ? thrown.message : String(thrown);
      if (Object.keys(figures).length === 0) throw thrown;
      figures['notMeasured'] = why;
    } finally {
      await manager.dispose();
      rmSync(folder, { recursive: true, force: true });
    }
    return figures;
  },
};

/** One image on one manager, and what runs programs within the bound and says how long each took. */
export class Site {
  readonly folder: string;
  readonly manager: RealManager;
  readonly figures: Record<string, number | string>;
  readonly pkglist: string;
  readonly postinstall: string;
  readonly rootimgdir: string;
  readonly tree: string;
  readonly #signal: AbortSignal;
  readonly #until = Date.now() + bound * 1000;

  constructor(folder: string, manager: RealManager, figures: Record<string, number | string>, signal: AbortSignal) {
    this.folder = folder;
    this.manager = manager;
    this.figures = figures;
    this.pkglist = join(folder, 'bench.pkglist');
    this.postinstall = join(folder, 'bench.postinstall');
    this.rootimgdir = join(folder, 'image');
    this.tree = join(this.rootimgdir, 'rootimg');
    this.#signal = signal;
  }

  async define(): Promise<void> {
    copyFileSync(join(dist, 'share/netboot/debian/compute.pkglist'), this.pkglist);
    this.script('one');
    const run = commandsFor(this.manager.env);
    for (let tries = 0; tries < 100; tries += 1) {
      if ((await run('hostler', ['agents'])).stdout.includes('connected')) break;
      await delay(100);
    }
    await this.command(
      ...(['mkdef', '-t', 'osimage', image, 'imagetype=linux', 'osname=Linux', 'osvers=debian12'] as const),
      ...['osarch=x86_64', 'profile=compute', 'provmethod=netboot', `pkglist=${this.pkglist}`],
      ...[`postinstall=${this.postinstall}`, `rootimgdir=${this.rootimgdir}`],
    );
  }

  script(word: string): void {
    writeFileSync(this.postinstall, `#!/bin/sh\necho ${word} >"$1/etc/bench"\n`, { mode: 0o755 });
  }

  /** Seconds of a command of ours. */
  async command(name: string, ...args: string[]): Promise<number> {
    const began = Date.now();
    const run = commandsFor(this.manager.env);
    const { exit, stdout, stderr } = await run(name, args, { timeoutMs: this.#left() * 1000 });
    if (exit !== 0) throw new Error(`${name} ${args.join(' ')}: exit ${String(exit)}\n${stdout}${stderr}`);
    return this.#said(`${name} ${args.filter((arg) => !arg.includes('=')).join(' ')}`, began);
  }

  /** Seconds of another program. */
  async bare(argv: readonly string[], env: Record<string, string> = {}): Promise<number> {
    const began = Date.now();
    const result = await step(argv, { bound: this.#left(), env });
    if (!result.ok) throw new Error(`${argv[0] ?? ''}: ${result.reason}\n${result.output.slice(-2000)}`);
    return this.#said(argv[0] ?? '', began);
  }

  #left(): number {
    if (this.#signal.aborted) throw new Error(`the bound of ${String(bound)} s was reached`);
    return Math.max(1, (this.#until - Date.now()) / 1000);
  }

  #said(what: string, began: number): number {
    const took = (Date.now() - began) / 1000;
    process.stderr.write(`  ${what}: ${took.toFixed(1)} s\n`);
    return took;
  }
}

async function builds(site: Site): Promise<void> {
  const { figures, manager, folder, tree } = site;
  // A task and all it starts know the folder of the task, which lies in the agent's home.
  const memory = new PeakMemory(`HOSTLER_TASK_DIR=${manager.home}/`);
  const plainMemory = new PeakMemory('HOSTLER_BENCH=mmdebstrap');
  try {
    const cold = await site.command('genimage', image);
    Object.assign(figures, { genimageColdSeconds: cold, coldPeakMiB: memory.take() });
    const status = readFileSync(join(tree, 'var/lib/dpkg/status'), 'utf8');
    const packages = [...status.matchAll(/^Package: (.*)$/gm)].map(([, name]) => name ?? '');
    const sources = '/etc/apt/sources.list.d/debian.sources';
    const plain = await site.bare(
      [
        ...['mmdebstrap', '--mode=root', '--variant=minbase', "--aptopt=Apt::Install-Recommends 'false'"],
        ...[`--include=${packages.join(',')}`, 'bookworm', join(folder, 'plain'), sources],
      ],
      { HOSTLER_BENCH: 'mmdebstrap' },
    );
    rmSync(join(folder, 'plain'), { recursive: true, force: true });
    Object.assign(figures, {
      mmdebstrapSeconds: plain,
      mmdebstrapPeakMiB: plainMemory.take(),
      coldRatio: ratio(cold, plain),
      coldBudget: 1.2,
    });
    const warm = async (change: (turn: number) => void): Promise<number> => {
      const taken: number[] = [];
      for (let turn = 0; turn < 3; turn += 1) {
        change(turn);
        taken.push(await site.command('genimage', image));
      }
      return median(taken);
    };
    memory.take();
    Object.assign(figures, { nothingChangedSeconds: await warm(() => {}), nothingChangedBudget: 2 });
    Object.assign(figures, {
      oneFileChangedSeconds: await warm((turn) => site.script(String(turn))),
      oneFileChangedBudget: 4,
    });
    const more = ['tree', 'file', 'lsof'];
    Object.assign(figures, {
      onePackageAddedSeconds: await warm((turn) => appendFileSync(site.pkglist, `${more[turn] ?? ''}\n`)),
      onePackageAddedBudget: 20,
      warmPeakMiB: memory.take(),
    });
  } finally {
    memory.stop();
    plainMemory.stop();
  }
}

async function packings(site: Site): Promise<void> {
  const { figures, manager, folder, tree } = site;
  const memory = new PeakMemory(`HOSTLER_TASK_DIR=${manager.home}/`);
  try {
    const plain = (): Promise<number> =>
      site.bare([
        ...['mksquashfs', tree, join(folder, 'plain.sfs'), '-comp', 'zstd', '-Xcompression-level', '3'],
        ...['-noappend', '-no-progress'],
      ]);
    const ours: number[] = [];
    const theirs: number[] = [];
    // In turns, so that noise meets both; the tree is another each time, else it would not be packed again.
    for (const word of ['first', 'second', 'third']) {
      writeFileSync(join(tree, 'etc/bench-pack'), `${word}\n`);
      ours.push(await site.command('packimage', image));
      theirs.push(await plain());
    }
    Object.assign(figures, {
      packimageSeconds: median(ours),
      mksquashfsSeconds: median(theirs),
      packRatio: ratio(median(ours), median(theirs)),
      packBudget: 1.1,
      packPeakMiB: memory.take(),
      packNothingChangedSeconds: await site.command('packimage', image),
    });
    const packCpio = await site.command('packimage', '-m', 'cpio', '-c', 'gzip', image);
    const archive = join(folder, 'plain.cpio');
    const names = 'find . -print0 | cpio --null -o -H newc --quiet >"$1" && gzip -n "$1"';
    const cpio = await site.bare(['sh', '-c', `cd "$2" && ${names}`, 'sh', archive, tree]);
    Object.assign(figures, {
      packCpioSeconds: packCpio,
      cpioSeconds: cpio,
      packCpioRatio: ratio(packCpio, cpio),
      // What people pack with who do not ask for gzip alone: the same format by all processors.
      packCpioUsualSeconds: await site.command('packimage', '-m', 'cpio', image),
    });
  } finally {
    memory.stop();
  }
}

function ratio(ours: number, theirs: number): number {
  return Number((ours / theirs).toFixed(2));
}
