import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { HostlerError } from '../../shared/errors/error.ts';
import { setTimeout as delay } from 'node:timers/promises';
import type { LabNetwork } from '../lab/network.ts';
import { isAlive } from '../../shared/process/alive.ts';
import { Commands } from './commands.ts';
import { Program } from './program.ts';
import { showCommand } from './show.ts';

const managerPort = 7440;
/** Seconds on a quiet machine; a busy one may take this long to ask thirty programs for their versions. */
const readyMs = 180_000;
/** In the environment of everything that a run starts, and of what that starts: names the run's folder. */
const startedBy = 'HOSTLER_QUICKSTART_DIR';

/** Manager and boot agent inside the private network, build agent outside of it. */
export class Cluster {
  readonly commands: Commands;
  readonly manager: Program;
  readonly home: string;
  #builder: Program | undefined;
  readonly #dir: string;
  readonly #bin: string;

  private constructor(dir: string, bin: string, home: string, manager: Program, commands: Commands) {
    this.#dir = dir;
    this.#bin = bin;
    this.home = home;
    this.manager = manager;
    this.commands = commands;
  }

  static async start(
    dir: string,
    dist: string,
    network: LabNetwork,
    link: 'grpc' | 'nats',
    signal: AbortSignal,
  ): Promise<Cluster> {
    const home = join(dir, 'manager');
    // Every run begins with an empty registry and new certificates; only caches stay.
    await removeFolder(home);
    await mkdir(home, { recursive: true, mode: 0o755 });
    const argv = network.inside([
      join(dist, 'hostler-manager'),
      ...['--home', home, '--listen', `${network.address}:${String(managerPort)}`],
      ...[
        '--install-dir',
        join(dir, 'install'),
        '--tftp-dir',
        join(dir, 'tftpboot'),
        '--hosts-file',
        join(dir, 'hosts'),
      ],
      ...['--agent-roles', 'boot,store'],
      ...(link === 'nats' ? ['--nats', 'embedded'] : []),
    ]);
    showCommand(argv);
    const manager = Program.start('hostler-manager', argv, join(dir, 'logs', 'manager.log'), { [startedBy]: dir });
    const bin = join(dist, 'bin');
    const cluster = new Cluster(dir, bin, home, manager, new Commands(bin, home, signal));
    await manager.until('the start of the manager', () => existsSync(join(home, 'manager.sock')), readyMs, signal);
    await manager.until('the boot agent', () => cluster.#connected('boot'), readyMs, signal);
    return cluster;
  }

  /** Joins an agent that may build, with a token, through the manager's socket. */
  async joinBuilder(dist: string, signal: AbortSignal): Promise<void> {
    const home = join(this.#dir, 'builder');
    await keepOnlyCache(home);
    showCommand(['hostler', 'agents', 'token', '--roles', 'build']);
    const token = (await this.commands.quiet('hostler', 'agents', 'token', '--roles', 'build')).trim();
    const argv = [
      join(dist, 'hostler-agent'),
      ...['--home', home, '--manager', `unix:${join(this.home, 'manager.sock')}`],
      ...['--name', 'builder', '--roles', 'build', '--install-dir', join(this.#dir, 'install')],
    ];
    showCommand(argv);
    // Arguments are seen by everybody on the machine; the token comes by the environment.
    this.#builder = Program.start('hostler-agent (build)', argv, join(this.#dir, 'logs', 'builder.log'), {
      HOSTLER_TOKEN: token,
    });
    await this.#builder.until('the build agent', () => this.#connected('build'), readyMs, signal);
  }

  async #connected(role: string): Promise<boolean> {
    const agents = await this.commands.json('hostler', 'agents').catch((thrown: unknown) => {
      if (thrown instanceof HostlerError && thrown.code === 'cancelled') throw thrown;
      return [];
    });
    return (
      Array.isArray(agents) &&
      (agents as { state: string; roles: string[] }[]).some(
        (agent) => agent.state === 'connected' && agent.roles.includes(role),
      )
    );
  }

  /** Jobs are cancelled first: a task outlives its agent on purpose. */
  async stop(): Promise<void> {
    await this.#cancelJobs().catch(() => undefined);
    await this.#builder?.stop();
    await this.manager.stop();
    await endLeftovers(this.#dir);
  }

  /** Commands for after the run was stopped: with a bound of their own. */
  aside(): Commands {
    return new Commands(this.#bin, this.home, AbortSignal.timeout(60_000));
  }

  async #cancelJobs(): Promise<void> {
    if (this.manager.over !== undefined) return;
    const commands = this.aside();
    const running = async (): Promise<string[]> => {
      const jobs = (await commands.json('hostler', 'jobs', '--running')) as { id: string }[];
      return jobs.map(({ id }) => id);
    };
    for (const id of await running()) await commands.quiet('hostler', 'cancel', id);
    while ((await running()).length > 0) await delay(300);
  }
}

/** What was just ended may have written into it a moment ago. */
function removeFolder(folder: string): Promise<void> {
  return rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
}

/** A new manager has a new authority: the agent joins anew, but need not download anew. */
async function keepOnlyCache(home: string): Promise<void> {
  await mkdir(home, { recursive: true, mode: 0o700 });
  for (const name of await readdir(home)) {
    if (name !== 'cache') await removeFolder(join(home, name));
  }
}

/** Ends whatever an earlier run in this folder left behind because it was killed: agents, managers, tasks. */
export async function endLeftovers(dir: string): Promise<void> {
  const ended: number[] = [];
  for (const entry of await readdir('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const environment = (await readFile(`/proc/${entry}/environ`, 'latin1').catch(() => '')).split('\0');
    if (!environment.includes(`${startedBy}=${dir}`)) continue;
    try {
      process.kill(pid, 'SIGKILL');
      ended.push(pid);
    } catch {
      // Gone already.
    }
  }
  // Until the kernel has done it, they hold their files and addresses.
  const late = Date.now() + 10_000;
  while (ended.some((pid) => isAlive(pid)) && Date.now() < late) await delay(50);
}
