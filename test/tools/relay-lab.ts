import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { decodeSegment, segmentFirst } from '../../agent/link/segment.ts';
import type { TestAgent } from '../fixtures/agent/agent-program.ts';
import { testProgram } from '../fixtures/agent/test-program.ts';
import { type JournalLine, readJournal } from '../sim/journal.ts';
import { ManagerChild } from '../sim/manager-child.ts';
import { Namespaces } from './namespaces.ts';

type ResultLine = Extract<JournalLine, { what: 'result' }>;

export async function until(what: string, condition: () => boolean | Promise<boolean>, seconds = 90): Promise<void> {
  const late = Date.now() + seconds * 1000;
  while (!(await condition())) {
    if (Date.now() > late) throw new Error(`not within ${seconds} s: ${what}`);
    await delay(50);
  }
}

/** Tasks whose results wait in the outbox of the agent with that home, in the order of their numbers. */
export function resultsInOutbox(home: string): string[] {
  const folder = join(home, 'outbox');
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  return files.flatMap((name) => {
    const first = segmentFirst(basename(name));
    if (first === undefined) return [];
    const { messages } = decodeSegment(readFileSync(join(folder, name)), first);
    return messages.flatMap(({ result }) => (result ? [result.id] : []));
  });
}

/** The nats-server of the leaf node of a relay with that home; 0: there is none now. */
function leafPid(home: string): number {
  try {
    const text = readFileSync(join(home, 'leaf', 'nats-server.pid'), 'utf8');
    return (JSON.parse(text) as { readonly pid: number }).pid;
  } catch {
    return 0;
  }
}

/** It outlives an agent that is killed. */
export function killLeaf(home: string): void {
  const pid = leafPid(home);
  if (pid > 0) end(pid);
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is gone already.
  }
}

/**
 * Three machines in a row, hub - relay - node, as network namespaces: the node reaches the relay and nothing else. Manager,
 * relay and node are processes of their own over real mutual TLS. Needs root.
 */
export class RelayLab {
  readonly dir = mkdtempSync(join(tmpdir(), 'hostler-keeper-'));
  readonly net = new Namespaces(['hub', 'relay', 'node']);
  readonly #link: 'grpc' | 'nats';
  readonly #agents = new Map<string, ChildProcess>();
  #manager: ManagerChild | undefined;
  #token = '';

  /** Over NATS the hub has a broker beside the manager. */
  constructor(link: 'grpc' | 'nats' = 'grpc') {
    this.#link = link;
  }

  get manager(): ManagerChild {
    if (this.#manager === undefined) throw new Error('there is no manager yet');
    return this.#manager;
  }

  /** The home of an agent. */
  home(name: 'relay' | 'node'): string {
    return join(this.dir, name);
  }

  async start(): Promise<void> {
    const under = this.net.under('hub');
    this.#manager = await ManagerChild.start({
      home: join(this.dir, 'm'),
      listen: '10.91.0.1:7441',
      heartbeat: 500,
      under,
      args: this.#link === 'nats' ? ['--broker', '0.0.0.0:4333'] : [],
    });
    this.#token = await this.manager.ask<string>({ ask: 'token', roles: ['relay', 'build'], uses: 2 });
    this.startRelay();
    await until('the relay is there', this.connected(1));
    this.startNode();
    await until('the node came, through the relay', this.connected(2));
  }

  startRelay(): void {
    const relay = [{ host: '10.91.1.1', port: 7442 }];
    this.#start('relay', { manager: '10.91.0.1:7441', name: 'relay', roles: ['relay'], relay });
  }

  startNode(): void {
    this.#start('node', { manager: '10.91.1.1:7442', name: 'node', roles: ['build'] });
  }

  #start(name: 'relay' | 'node', settings: Omit<TestAgent, 'once' | 'link' | 'token'>): void {
    const home = this.home(name);
    mkdirSync(join(home, 'cache'), { recursive: true });
    // Asking thirty programs for their versions is not what this is about.
    writeFileSync(join(home, 'cache/tools.json'), '{}');
    const told: TestAgent = { once: false, link: this.#link, token: this.#token, ...settings };
    writeFileSync(join(home, 'test.json'), JSON.stringify(told));
    const [program, ...under] = this.net.under(name);
    const agent = spawn(program, [...under, ...testProgram, 'run', home], { stdio: 'ignore', cwd: '/' });
    this.#agents.set(name, agent);
  }

  async kill(name: 'relay' | 'node'): Promise<void> {
    const agent = this.#agents.get(name);
    this.#agents.delete(name);
    if (agent === undefined || agent.exitCode !== null || agent.signalCode !== null) return;
    const gone = once(agent, 'exit');
    agent.kill('SIGKILL');
    await gone;
  }

  /** Tasks for the node; they run until `release`. */
  async give(ids: readonly string[], spec: object = {}): Promise<void> {
    const text = JSON.stringify({ folder: this.dir, until: join(this.dir, 'release'), ...spec });
    await this.manager.ask({ ask: 'give', tasks: ids.map((id) => ({ id, agent: 'node', kind: 'test', spec: text })) });
    await until('the node has them', () => ids.every((id) => existsSync(join(this.home('node'), 'spool', id))));
  }

  release(): void {
    writeFileSync(join(this.dir, 'release'), '');
  }

  connected(count: number) {
    return async (): Promise<boolean> => (await this.manager.ask<number>({ ask: 'connected' })) === count;
  }

  /** What the manager has applied, in order. */
  async results(): Promise<ResultLine[]> {
    return (await readJournal(join(this.dir, 'm', 'journal'))).filter((line) => line.what === 'result');
  }

  /** The log of an agent, as text. */
  said(name: 'relay' | 'node'): string {
    const path = join(this.home(name), 'agent.log');
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  }

  /** The nats-server of the relay's leaf node; 0: there is none. */
  leafPid(): number {
    return leafPid(this.home('relay'));
  }

  async remove(): Promise<void> {
    this.release();
    for (const name of ['relay', 'node'] as const) await this.kill(name);
    const broker = await this.#manager?.ask<number>({ ask: 'broker' }).catch(() => 0);
    await this.#manager?.kill();
    if (broker !== undefined && broker > 0) end(broker);
    killLeaf(this.home('relay'));
    this.net.remove();
    rmSync(this.dir, { recursive: true, force: true });
  }
}
