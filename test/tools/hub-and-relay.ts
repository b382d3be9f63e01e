import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { TestAgent } from '../fixtures/agent/agent-program.ts';
import { freeBrokerPort, freePort } from '../sim/broker.ts';
import { ManagerChild } from '../sim/manager-child.ts';
import { nodesOf } from '../sim/reports.ts';
import { type Killable, startAgent, startReporter } from './processes.ts';
import { killLeaf } from './relay-lab.ts';
import { reportFaults, taskFaults, tasksOf } from './whole-story.ts';

/** Agents that are given tasks; the last one reaches the relay alone. */
export const workers = ['near', 'far'] as const;
/** And those that report what they see of nodes, beside them. */
export const reporters = ['near-boot', 'far-boot'] as const;

export interface Story {
  /** Tasks that were given. */
  readonly asked: number;
  /** Reports of consequence, beside those of tasks. */
  readonly reports: number;
  readonly faults: readonly string[];
}

interface Options {
  readonly link: 'grpc' | 'nats';
  /** Milliseconds between two reports of one agent, at the most. */
  readonly pause: number;
}

/**
 * A manager, a broker where the link is NATS, a relay, an agent that works and one that reports, both beside the manager and
 * behind the relay: each a process that can be killed, and on loopback.
 */
export class HubAndRelay {
  readonly agents = new Map<string, Killable>();
  readonly dir: string;
  /** The manager's. */
  readonly home: string;
  readonly manager: ManagerChild;
  /** HOST:PORT; absent over gRPC. */
  readonly broker: string | undefined;
  readonly #options: Options;
  readonly #from = Date.now();

  private constructor(options: Options, dir: string, manager: ManagerChild, broker: string | undefined) {
    this.#options = options;
    this.dir = dir;
    this.home = join(dir, 'm');
    this.manager = manager;
    this.broker = broker;
  }

  static async start(options: Options): Promise<HubAndRelay> {
    const broker = options.link === 'nats' ? `127.0.0.1:${String(await freeBrokerPort())}` : undefined;
    const args = broker === undefined ? [] : ['--broker', broker];
    const dir = mkdtempSync(join(tmpdir(), 'hostler-hub-'));
    const manager = await ManagerChild.start({ home: join(dir, 'm'), heartbeat: 500, args });
    const lab = new HubAndRelay(options, dir, manager, broker);
    try {
      await lab.#people();
      return lab;
    } catch (thrown) {
      await lab.stop();
      throw thrown;
    }
  }

  async #people(): Promise<void> {
    const { link, pause } = this.#options;
    const { manager, dir } = this;
    const token = await manager.ask<string>({
      ask: 'token',
      roles: ['relay', 'build', 'boot'],
      uses: 1 + workers.length + reporters.length,
    });
    // Over NATS the relay keeps a leaf node on the broker's port, and so has an address of its own.
    const door = { host: link === 'nats' ? '127.0.0.2' : '127.0.0.1', port: await freePort() };
    const behind = `${door.host}:${String(door.port)}`;
    const work = (name: string, roles: readonly string[], more: Partial<TestAgent> = {}): void => {
      const settings = { name, roles, token, once: false, manager: manager.address, link, ...more };
      this.agents.set(name, startAgent(join(dir, name), settings));
    };
    const report = async (name: string, address: string): Promise<void> => {
      await manager.ask({ ask: 'define', nodes: nodesOf(name) });
      const settings = { name, token, manager: address, link, from: this.#from, pause };
      this.agents.set(name, startReporter(join(dir, name), settings));
    };
    work('relay', ['relay'], { relay: [door] });
    work('near', ['build']);
    await report('near-boot', manager.address);
    await this.connected(3);
    work('far', ['build'], { manager: behind });
    await report('far-boot', behind);
    await this.connected(5);
  }

  /** Until so many agents are there. */
  async connected(count: number, seconds = 90): Promise<void> {
    const here = async (): Promise<boolean> => (await this.manager.ask<number>({ ask: 'connected' })) === count;
    await until(`${String(count)} agents`, here, seconds);
  }

  /** Each leaves a line in DIR/runs when it begins. While the manager is dead nobody is asked; what it wrote down before it died counts. */
  async give(tasks: readonly { readonly id: string; readonly agent: string; readonly spec: object }[]): Promise<void> {
    const given = tasks.map(({ id, agent, spec }) => ({
      id,
      agent,
      kind: 'test',
      spec: JSON.stringify({ folder: this.dir, ...spec }),
    }));
    await this.manager.ask({ ask: 'give', tasks: given }).catch(() => undefined);
  }

  /** The process id of the manager's broker; 0: there is none now. */
  brokerPid(): Promise<number> {
    return this.manager.ask<number>({ ask: 'broker' }).catch(() => 0);
  }

  /** Who starts it again is the manager. */
  async killBroker(): Promise<void> {
    const pid = await this.brokerPid();
    if (pid > 0) process.kill(pid, 'SIGKILL');
  }

  /** Who starts it again is the relay's agent. */
  killLeaf(): void {
    killLeaf(join(this.dir, 'relay'));
  }

  /** Ids of tasks that ended, as the manager knows it. */
  async ended(): Promise<string[]> {
    const { asked, engine } = await tasksOf(this.home);
    return asked.flatMap(({ id }) => (engine.hasEnded(id) ? [id] : []));
  }

  /** That one reports no more, and ends when the manager has everything. */
  enough(reporter: string): void {
    writeFileSync(join(this.dir, reporter, 'enough'), '');
  }

  /** How many reports it has made, near enough while it runs. */
  told(reporter: string): number {
    return numberIn(join(this.dir, reporter, 'told'));
  }

  /**
   * Waits until all tasks have ended and all reports were applied, and holds everything against the rules. `gone`: reporters
   * that are not there any more, with the numbers of their last reports.
   */
  async settle(seconds: number, gone: ReadonlyMap<string, number> = new Map()): Promise<Story> {
    const { asked } = await tasksOf(this.home);
    await until('the end of all tasks', async () => (await this.ended()).length === asked.length, seconds);
    const last = new Map(gone);
    for (const name of reporters) {
      if (gone.has(name)) continue;
      this.enough(name);
      const done = join(this.dir, name, 'done');
      await until(`all reports of ${name}`, async () => numberIn(done) > 0, seconds);
      last.set(name, numberIn(done));
    }
    const wrong = (): Promise<string[]> => reportFaults(this.manager, last, this.#from);
    // What lay elsewhere may still be on its way.
    if (gone.size > 0)
      await until('all that was kept', async () => (await wrong()).length === 0, seconds).catch(() => 0);
    const faults = [...(await taskFaults(this.home, join(this.dir, 'runs'))), ...(await wrong())];
    return { asked: asked.length, reports: [...last.values()].reduce((sum, count) => sum + count, 0), faults };
  }

  async stop(): Promise<void> {
    for (const agent of this.agents.values()) await agent.kill();
    await this.killBroker().finally(() => this.manager.kill());
    killLeaf(join(this.dir, 'relay'));
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 5 });
  }
}

function numberIn(file: string): number {
  return existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
}

export async function until(what: string, condition: () => Promise<boolean>, seconds: number): Promise<void> {
  const late = Date.now() + seconds * 1000;
  while (!(await condition().catch(() => false))) {
    if (Date.now() > late) throw new Error(`not within ${String(seconds)} s: ${what}`);
    await delay(100);
  }
}
