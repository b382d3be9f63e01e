import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createNetwork } from '../../deploy/lab/network.ts';
import { eventually } from '../../deploy/lab/wait.ts';
import { openDiskStore } from '../../manager/registry/disk-store.ts';
import { openRegistry } from '../../manager/registry/registry.ts';
import { expandNoderange } from '../../shared/noderange/index.ts';
import { RealManager, dist } from '../tools/real-manager.ts';
import { nodeName, nodeStanzas } from '../tools/stanzas.ts';
import { type Bench, type Figures, median, timeOnce } from './measure.ts';

/** Numbers of nodes; HOSTLER_BENCH_NODES=100,1000 asks for others. */
const sizes = (process.env['HOSTLER_BENCH_NODES'] ?? '100,1000,10000,100000').split(',').map(Number);

/** Milliseconds that are aimed at, at 10,000 nodes; bytes for memory. */
const aims: Readonly<Record<string, number>> = {
  mkdefMs: 3_000,
  lsdefOneMs: 200,
  lsdefLongMs: 1_000,
  lsdefWhereMs: 400,
  nodelsMs: 300,
  noderangeMs: 20,
  chdefAllMs: 1_000,
  chdefPlusMs: 2_000,
  makehostsMs: 2_000,
  makedhcpMs: 2_000,
  rmdefMs: 2_000,
  startMs: 1_000,
  memoryMiB: 150,
};

/** What the original needed at 10,000 nodes on a machine with two cores, as recorded once; it is not run here. */
const peer: Figures = {
  mkdefMs: 659_000,
  nodelsMs: 930,
  lsdefOneMs: 430,
  lsdefLongMs: 15_400,
  lsdefWhereMs: 23_800,
  chdefAllMs: 5_700,
  chdefPlusMs: 225_000,
  rmdefMs: 29_000,
  rmdefMiB: 920,
};

type Row = Readonly<Record<string, number | string>>;

/** The commands of an administrator at several sizes, each as a whole program run, beside Node doing nothing. */
export const vocabularyBench: Bench = {
  name: 'vocabulary',
  bound: 1800,
  run: async (signal) => {
    const rows: Record<string, Row> = {};
    for (const size of sizes) {
      signal.throwIfAborted();
      rows[String(size)] = await measure(size);
    }
    return { sizes: rows, aimsAt10000: aims, xcatAt10000: peer };
  },
};

async function measure(size: number): Promise<Row> {
  const manager = await RealManager.start();
  const { env } = manager;
  const turns = size > 10_000 ? 1 : 3;
  const times = (name: string, argvs: readonly (readonly string[])[], input?: string): number =>
    round(median(argvs.map((argv) => timed(name, argv, env, input))));
  const same = (name: string, ...argv: string[]): number => times(name, Array<string[]>(turns).fill(argv));
  try {
    const row: Record<string, number | string> = {};
    const stanzas = nodeStanzas(size);
    row['mkdefMs'] = times('mkdef', [['-z']], stanzas);
    row['nodeMs'] = round(median(Array.from({ length: 5 }, () => timeOnce(process.execPath, ['-e', '0']))));
    const one = nodeName(Math.ceil(size / 2));
    row['lsdefOneMs'] = same('lsdef', one);
    row['lsdefMs'] = same('lsdef');
    row['lsdefLongMs'] = same('lsdef', '-t', 'node', '-l');
    row['lsdefWhereMs'] = same('lsdef', '-t', 'node', '-w', 'usercomment=~7$');
    row['lsdefGroupsMs'] = same('lsdef', '-t', 'group', '-l');
    row['nodelsMs'] = same('nodels');
    row['nodelsGroupMs'] = same('nodels', 'rack07');
    row['tabdumpMs'] = same('tabdump', 'nodelist');
    row['chdefOneMs'] = times('chdef', changing(turns, one));
    row['chdefAllMs'] = times('chdef', changing(turns, 'all'));
    row['chdefPlusMs'] = times('chdef', plus(turns));
    row['tabrestoreMs'] = restored(env);
    row['memoryMiB'] = round(await settledMemory(manager.pid));
    row['peakMiB'] = round(memory(manager.pid, 'VmHWM'));
    await manager.kill('SIGTERM');
    Object.assign(row, await noderange(manager.home));
    const began = performance.now();
    await manager.up();
    row['startMs'] = round(performance.now() - began);
    row['rmdefMs'] = times('rmdef', [['-t', 'node', 'all']]);
    Object.assign(row, await services(stanzas));
    return row;
  } finally {
    await manager.dispose();
  }
}

function changing(turns: number, range: string): string[][] {
  return Array.from({ length: turns }, (_, turn) => ['-t', 'node', '-o', range, `usercomment=turn ${String(turn)}`]);
}

function plus(turns: number): string[][] {
  return Array.from({ length: turns }, (_, turn) => ['-t', 'node', '-o', 'all', '-p', `groups=more${String(turn)}`]);
}

function timed(name: string, argv: readonly string[], env: Readonly<Record<string, string>>, input = ''): number {
  const began = performance.now();
  const ended = spawnSync(process.execPath, [join(dist, 'bin', name), ...argv], {
    env: { ...process.env, ...env },
    input,
    encoding: 'utf8',
    maxBuffer: 1024 ** 3,
  });
  const took = performance.now() - began;
  if (ended.status !== 0)
    throw new Error(`${name} ${argv.join(' ')} ended with ${String(ended.status)}: ${ended.stderr}`);
  return took;
}

/**
 * What an agent does to files and a running dnsmasq, from the command to its end; in a network of its own. The first
 * run and one that changes nothing. A reason in place of the figures where that cannot be.
 */
async function services(stanzas: string): Promise<Row> {
  if (process.getuid?.() !== 0) return { makehostsMs: 'needs root' };
  const folder = mkdtempSync(join(tmpdir(), 'hostler-bench-'));
  const network = await createNetwork({ name: 'bench-names', taps: 0, net: '10.255.255' });
  let manager: RealManager | undefined;
  try {
    const [program = '', ...argv] = network.inside(['ip', 'addr', 'add', '10.255.0.1/8', 'dev', 'br0']);
    spawnSync(program, argv);
    const options = ['--agent-roles', 'boot,store', '--hosts-file', join(folder, 'hosts')];
    manager = await RealManager.start(options, (words) => network.inside(words));
    const { env } = manager;
    timed('mkdef', ['-z'], env, stanzas);
    timed('chdef', ['-t', 'site', 'dhcpinterfaces=br0', 'master=10.255.0.1', 'domain=cluster.test'], env);
    timed('mkdef', ['-t', 'network', '-o', 'main', 'net=10.0.0.0', 'mask=255.0.0.0'], env);
    await eventually('the agent is there', () => succeeds('makehosts', ['-d'], env), {
      timeoutMs: 30_000,
      everyMs: 300,
    });
    return {
      makehostsMs: round(timed('makehosts', ['-n'], env)),
      makehostsAgainMs: round(timed('makehosts', [], env)),
      makedhcpMs: round(timed('makedhcp', ['-a'], env)),
      makedhcpAgainMs: round(timed('makedhcp', ['-a'], env)),
      makednsMs: round(timed('makedns', [], env)),
    };
  } catch (thrown) {
    return { makehostsMs: thrown instanceof Error ? thrown.message.slice(0, 300) : String(thrown) };
  } finally {
    await manager?.dispose();
    await network.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}

function succeeds(name: string, argv: readonly string[], env: Readonly<Record<string, string>>): boolean {
  return (
    spawnSync(process.execPath, [join(dist, 'bin', name), ...argv], { env: { ...process.env, ...env } }).status === 0
  );
}

/** The table as it was dumped, with one column different in each line. */
function restored(env: Readonly<Record<string, string>>): number {
  const bin = (name: string, argv: readonly string[]): string =>
    spawnSync(process.execPath, [join(dist, 'bin', name), ...argv], {
      env: { ...process.env, ...env },
      encoding: 'utf8',
      maxBuffer: 1024 ** 3,
    }).stdout;
  const folder = mkdtempSync(join(tmpdir(), 'hostler-bench-'));
  try {
    const path = join(folder, 'nodepos.csv');
    writeFileSync(path, bin('tabdump', ['nodepos']).replaceAll('"1"', '"2"'));
    return round(timed('tabrestore', [path], env));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function memory(pid: number, what: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${String(pid)}/status`, 'utf8');
  return Number(new RegExp(`${what}:\\s+(\\d+) kB`).exec(status)?.[1] ?? Number.NaN) / 1024;
}

/** The manager gives memory back every ten seconds when it has nothing to do: what is left when it does not get less any more. */
async function settledMemory(pid: number): Promise<number> {
  let least = memory(pid, 'VmRSS');
  for (let still = 0, look = 0; still < 25 && look < 60; look += 1) {
    await pause(1_000);
    const now = memory(pid, 'VmRSS');
    still = now < least - 1 ? 0 : still + 1;
    least = Math.min(least, now);
  }
  return least;
}

/** Everything by one expression, inside a process that has the registry: at first, and when nothing was changed since. */
async function noderange(home: string): Promise<{ noderangeFirstMs: number; noderangeMs: number }> {
  const registry = await openRegistry(await openDiskStore(join(home, 'registry')));
  try {
    const once = (): number => {
      const began = performance.now();
      expandNoderange(registry.view, 'all,-rack07', { verify: true, files: {} });
      return performance.now() - began;
    };
    return { noderangeFirstMs: round(once()), noderangeMs: round(median(Array.from({ length: 7 }, once))) };
  } finally {
    await registry.close();
  }
}

function round(value: number): number {
  return Number(value.toFixed(1));
}
