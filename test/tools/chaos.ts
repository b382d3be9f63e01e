import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { TestAgent } from '../fixtures/agent/agent-program.ts';
import { testProgram } from '../fixtures/agent/test-program.ts';
import { freeBrokerPort, freePort } from '../sim/broker.ts';
import { SimEngine } from '../sim/engine.ts';
import { type Asked, faultsIn } from '../sim/history.ts';
import { readJournal } from '../sim/journal.ts';
import { ManagerChild } from '../sim/manager-child.ts';
import { dice } from './dice.ts';
import { killLeaf } from './relay-lab.ts';

export interface ChaosOptions {
  readonly link: 'grpc' | 'nats';
  /** How long processes are killed. */
  readonly seconds: number;
  /** Two runs with the same seed kill the same things at the same times, near enough. */
  readonly seed: number;
}

export interface ChaosOutcome {
  /** Who was killed how often. */
  readonly kills: Readonly<Record<string, number>>;
  readonly asked: number;
  readonly faults: readonly string[];
}

/** An agent's process: killed, and started again with the same home. */
class AgentProcess {
  readonly #home: string;
  #child: ChildProcess | undefined;

  constructor(home: string, settings: TestAgent) {
    this.#home = home;
    mkdirSync(join(home, 'cache'), { recursive: true });
    writeFileSync(join(home, 'cache/tools.json'), '{}');
    writeFileSync(join(home, 'test.json'), JSON.stringify(settings));
    this.up();
  }

  up(): void {
    const [program, script] = testProgram;
    this.#child = spawn(program, [script, 'run', this.#home], { stdio: 'ignore', cwd: '/' });
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }
}

/** Names of the agents that are given tasks; the last one reaches the relay alone. */
const workers = ['near', 'far'] as const;

/**
 * A manager, a broker where the link is NATS, a relay, an agent beside the manager and one behind the relay, each a process;
 * tasks all the time; and all the time one of them is killed with SIGKILL and started again. At the end everything is up, and
 * all that was asked must have ended, once. Throws when it does not come to an end.
 */
export async function chaos({ link, seconds, seed }: ChaosOptions): Promise<ChaosOutcome> {
  const random = dice(seed);
  const dir = mkdtempSync(join(tmpdir(), 'hostler-chaos-'));
  const home = join(dir, 'm');
  const broker = link === 'nats' ? `127.0.0.1:${String(await freeBrokerPort())}` : undefined;
  const manager = await ManagerChild.start({
    home,
    heartbeat: 500,
    args: broker === undefined ? [] : ['--broker', broker],
  });
  const agents = new Map<string, AgentProcess>();
  const kills: Record<string, number> = {};
  try {
    const token = await manager.ask<string>({ ask: 'token', roles: ['relay', 'build'], uses: 3 });
    // Over NATS the relay keeps a leaf node on the broker's port, and so has an address of its own.
    const door = { host: link === 'nats' ? '127.0.0.2' : '127.0.0.1', port: await freePort() };
    const start = (name: string, roles: readonly string[], more: Partial<TestAgent> = {}): void => {
      const settings = { name, roles, token, once: false, manager: manager.address, link, ...more };
      agents.set(name, new AgentProcess(join(dir, name), settings));
    };
    start('relay', ['relay'], { relay: [door] });
    start('near', ['build']);
    await until('relay and agent', async () => (await manager.ask<number>({ ask: 'connected' })) === 2, 60);
    start('far', ['build'], { manager: `${door.host}:${String(door.port)}` });
    await until('all agents', async () => (await manager.ask<number>({ ask: 'connected' })) === 3, 60);

    const mischief: Readonly<Record<string, () => Promise<void>>> = {
      manager: async () => {
        await manager.kill();
        await delay(random() * 500);
        await manager.up();
      },
      ...Object.fromEntries(
        [...agents].map(([name, agent]) => [
          name,
          async (): Promise<void> => {
            await agent.kill();
            await delay(random() * 500);
            agent.up();
          },
        ]),
      ),
      ...(broker !== undefined && {
        broker: async () => {
          const pid = await manager.ask<number>({ ask: 'broker' }).catch(() => 0);
          // Who starts it again is the manager.
          if (pid > 0) process.kill(pid, 'SIGKILL');
        },
        // And of this one the relay's agent.
        leaf: async () => killLeaf(join(dir, 'relay')),
      }),
    };
    const names = Object.keys(mischief);
    const late = Date.now() + seconds * 1000;
    let given = 0;
    const load = async (): Promise<void> => {
      while (Date.now() < late) {
        const tasks = Array.from({ length: 2 }, () => ({
          id: `c.${String(given++)}`,
          agent: workers[Math.floor(random() * workers.length)] ?? 'near',
          kind: 'test',
          spec: JSON.stringify({ folder: dir, lines: 3, pauseMs: Math.floor(random() * 50) }),
        }));
        // While the manager is dead nobody can be asked; what it wrote down before it died counts.
        await manager.ask({ ask: 'give', tasks }).catch(() => undefined);
        await delay(random() * 600);
      }
    };
    const harm = async (): Promise<void> => {
      while (Date.now() < late) {
        await delay(300 + random() * 1500);
        const name = names[Math.floor(random() * names.length)] ?? 'manager';
        kills[name] = (kills[name] ?? 0) + 1;
        await mischief[name]?.();
      }
    };
    await Promise.all([load(), harm()]);

    const journal = async (): Promise<{ asked: Asked[]; engine: SimEngine }> => {
      const lines = await readJournal(join(home, 'journal'));
      const engine = new SimEngine();
      engine.recall(lines.filter((line) => line.what !== 'asked'));
      return { asked: lines.filter((line) => line.what === 'asked'), engine };
    };
    await until(
      'the end of all tasks',
      async () => {
        const { asked, engine } = await journal();
        return asked.every(({ id }) => engine.tasks.has(id));
      },
      120,
    );
    const { asked, engine } = await journal();
    return { kills, asked: asked.length, faults: faultsIn(asked, engine, spoolsOf(dir, asked)) };
  } finally {
    for (const agent of agents.values()) await agent.kill();
    const pid = await manager.ask<number>({ ask: 'broker' }).catch(() => 0);
    await manager.kill();
    if (pid > 0) process.kill(pid, 'SIGKILL');
    killLeaf(join(dir, 'relay'));
    rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** What really ran, by the line that each task leaves when it begins. */
function spoolsOf(dir: string, asked: readonly Asked[]) {
  const file = join(dir, 'runs');
  const runs = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
  return new Map<string, { readonly spool: { readonly begun: ReadonlyMap<string, number> } }>(
    workers.map((name) => {
      const begun = new Map<string, number>();
      for (const id of runs) {
        if (asked.some((one) => one.id === id && one.agent === name)) begun.set(id, (begun.get(id) ?? 0) + 1);
      }
      return [name, { spool: { begun } }] as const;
    }),
  );
}

async function until(what: string, condition: () => Promise<boolean>, seconds: number): Promise<void> {
  const late = Date.now() + seconds * 1000;
  while (!(await condition().catch(() => false))) {
    if (Date.now() > late) throw new Error(`not within ${String(seconds)} s: ${what}`);
    await delay(100);
  }
}
