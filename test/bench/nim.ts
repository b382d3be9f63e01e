import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createMaster, type NimMaster } from '../nim/master.ts';
import { commandsFor } from '../tools/commands.ts';
import { RealManager } from '../tools/real-manager.ts';
import type { Bench, Figures } from './measure.ts';

const nodes = Number(process.env['BENCH_NIM_NODES'] ?? 500);
/** Seconds that a NIM command takes, besides starting the stand-in; a real one takes longer, which flatters the ratio. */
const commandSeconds = 0.25;

/**
 * xcat2nim and nimnodeset of many nodes against the stand-in of a NIM master. `commands`: NIM programs run;
 * `lowerBound`: one that changes something for each node, and one list before and one after.
 */
export const nimBench: Bench = {
  name: 'nim',
  bound: 1800,
  run: async () => {
    const folder = mkdtempSync(join(tmpdir(), 'hostler-bench-nim-'));
    const master = await createMaster(join(folder, 'master'), { df: true });
    const before = process.env['PATH'] ?? '';
    process.env['PATH'] = `${master.bin}:${before}`;
    const manager = await RealManager.start(['--install-dir', join(folder, 'install')]);
    try {
      return await measure(folder, master, manager);
    } finally {
      process.env['PATH'] = before;
      await manager.dispose();
      rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    }
  },
};

async function measure(folder: string, master: NimMaster, manager: RealManager): Promise<Figures> {
  const run = commandsFor(manager.env);
  const well = async (name: string, ...args: string[]): Promise<string> => {
    const { exit, stdout, stderr } = await run(name, args, { timeoutMs: 1_500_000 });
    if (exit !== 0) throw new Error(`${name} ${args.join(' ')}: exit ${String(exit)}\n${stderr.slice(0, 2000)}`);
    return stdout;
  };
  for (let tries = 0; tries < 300 && !(await well('hostler', 'agents')).includes('connected'); tries += 1)
    await delay(100);
  const media = join(folder, 'media');
  mkdirSync(media);
  writeFileSync(join(media, 'bos.rte'), 'fileset');
  await well('mkdef', ...'-t network -o net1 net=10.0.0.0 mask=255.255.0.0 gateway=10.0.0.254'.split(' '));
  await well('mkdef', ...`-t node -o n[1-${String(nodes)}] groups=aix,all`.split(' '));
  await well('chdef', '-t', 'group', '-o', 'aix', 'ip=|n(\\d+)|10.0.(1+($1/250)).(1+($1%250))|', 'mac=001122334455');
  await well('mknimimage', '-s', media, 'img');
  master.set({ commandSeconds });
  const memory = new Memory(manager);
  try {
    return {
      nodes,
      commandSeconds,
      xcat2nim: await timed(master, () => well('xcat2nim', '-t', 'node', '-o', 'aix')),
      nimnodeset: await timed(master, () => well('nimnodeset', '-i', 'img', 'aix')),
      ...memory.stop(),
    };
  } finally {
    memory.stop();
  }
}

async function timed(master: NimMaster, work: () => Promise<unknown>): Promise<Figures> {
  const callsBefore = master.calls().length;
  const secondsBefore = master.seconds();
  const began = Date.now();
  await work();
  const wallSeconds = (Date.now() - began) / 1000;
  const commands = master.calls().length - callsBefore;
  const sum = master.seconds() - secondsBefore;
  const lowerBound = nodes + 2;
  return {
    commands,
    lowerBound,
    overLowerBound: commands - lowerBound,
    wallSeconds: Number(wallSeconds.toFixed(1)),
    sumOfCommandSeconds: Number(sum.toFixed(1)),
    wallOverSum: Number((wallSeconds / sum).toFixed(3)),
  };
}

/** The most that the agent and its task process took, looked at every half second. */
class Memory {
  readonly #timer: NodeJS.Timeout;
  #agent = 0;
  #task = 0;

  constructor(manager: RealManager) {
    const file = join(manager.home, 'agent/agent.pid');
    this.#timer = setInterval(() => {
      if (!existsSync(file)) return;
      const { pid } = JSON.parse(readFileSync(file, 'utf8')) as { pid: number };
      const rows = execFileSync('ps', ['-eo', 'pid=,ppid=,rss='], { encoding: 'utf8' }).split('\n');
      for (const row of rows) {
        const [id, parent, kilobytes = 0] = row.trim().split(/\s+/).map(Number);
        if (id === pid) this.#agent = Math.max(this.#agent, kilobytes);
        if (parent === pid) this.#task = Math.max(this.#task, kilobytes);
      }
    }, 500);
  }

  stop(): { agentMegabytes: number; taskMegabytes: number } {
    clearInterval(this.#timer);
    return { agentMegabytes: Math.round(this.#agent / 1024), taskMegabytes: Math.round(this.#task / 1024) };
  }
}
