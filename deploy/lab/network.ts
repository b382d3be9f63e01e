import { spawnSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { HostlerError } from '../../shared/errors/error.ts';
import { isAlive } from '../../shared/process/alive.ts';
import { run } from '../../shared/process/run.ts';
import { atEnd } from './guard.ts';

/** A private network: a namespace with a bridge `br0` and taps for machines. Nothing reaches the host's own network. */
export interface LabNetwork {
  /** Of the namespace. */
  readonly name: string;
  readonly bridge: string;
  /** Of the bridge, where servers listen: `10.77.0.1`. */
  readonly address: string;
  readonly net: string;
  readonly mask: string;
  readonly taps: readonly string[];
  /** Puts a program into the namespace: what to run instead of `argv`. */
  inside(argv: readonly string[]): string[];
  /** Ends every process in the namespace and removes it. */
  remove(): Promise<void>;
}

export interface NetworkOptions {
  /** Short; the process id is added, so that several run side by side. */
  readonly name: string;
  readonly taps: number;
  /** First three bytes of a /24. Default `10.77.0`. */
  readonly net?: string;
}

const prefix = 'hostler-';

/** Needs root and iproute2. Namespaces of the same kind whose program was killed are removed first. */
export async function createNetwork(options: NetworkOptions): Promise<LabNetwork> {
  const net = options.net ?? '10.77.0';
  if (!/^[a-z0-9-]{1,20}$/.test(options.name) || !/^\d+\.\d+\.\d+$/.test(net) || options.taps > 1000) {
    throw new HostlerError(
      'invalid_argument',
      'A lab network has a short name, a /24 such as 10.77.0, at most 1000 taps.',
    );
  }
  if (process.getuid?.() !== 0) {
    throw new HostlerError('permission_denied', 'A network namespace needs root. Run this as root (sudo).');
  }
  await sweep();
  const name = `${prefix}${options.name}-${process.pid}`;
  const taps = Array.from({ length: options.taps }, (_, number) => `tap${number}`);
  await run('ip', ['netns', 'add', name]);
  const release = atEnd(() => removeNow(name));
  const remove = async (): Promise<void> => {
    await endProcesses(name);
    await run('ip', ['netns', 'del', name], { allowExit: 'any' });
    release();
  };
  try {
    await batch(name, [
      'link set lo up',
      'link add br0 type bridge forward_delay 0',
      `addr add ${net}.1/24 dev br0`,
      'link set br0 up',
      ...taps.flatMap((tap) => [`tuntap add dev ${tap} mode tap`, `link set ${tap} master br0 up`]),
    ]);
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    name,
    bridge: 'br0',
    address: `${net}.1`,
    net: `${net}.0`,
    mask: '255.255.255.0',
    taps,
    inside: (argv) => ['ip', 'netns', 'exec', name, ...argv],
    remove,
  };
}

/** Many `ip` commands in one process. */
async function batch(namespace: string, commands: readonly string[]): Promise<void> {
  await run('ip', ['-netns', namespace, '-batch', '-'], { input: `${commands.join('\n')}\n` });
}

async function processesIn(name: string): Promise<number[]> {
  const { stdout } = await run('ip', ['netns', 'pids', name], { allowExit: 'any' });
  return stdout
    .split('\n')
    .map(Number)
    .filter((pid) => pid > 1 && isAlive(pid));
}

async function endProcesses(name: string): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    const until = Date.now() + 5_000;
    for (const pid of await processesIn(name)) send(pid, signal);
    while (Date.now() < until && (await processesIn(name)).length > 0) await delay(50);
  }
}

/** At the end of the process, when nothing can be waited for. */
function removeNow(name: string): void {
  const pids = spawnSync('ip', ['netns', 'pids', name], { encoding: 'utf8' }).stdout;
  for (const pid of pids.split('\n').map(Number)) if (pid > 1) send(pid, 'SIGKILL');
  spawnSync('ip', ['netns', 'del', name]);
}

/** Namespaces of ours (`hostler-NAME-PID`) whose program is gone. */
async function sweep(): Promise<void> {
  const { stdout } = await run('ip', ['netns', 'list']);
  for (const line of stdout.split('\n')) {
    const name = line.split(' ', 1)[0] ?? '';
    const pid = Number(/^hostler-[a-z0-9-]+-(\d+)$/.exec(name)?.[1] ?? Number.NaN);
    if (Number.isNaN(pid) || isAlive(pid)) continue;
    await endProcesses(name);
    await run('ip', ['netns', 'del', name], { allowExit: 'any' });
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // gone already
  }
}
