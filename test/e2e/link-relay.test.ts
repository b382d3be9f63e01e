import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { which } from '../../shared/process/which.ts';
import { testProgram } from '../fixtures/agent/test-program.ts';
import type { TestAgent } from '../fixtures/agent/agent-program.ts';
import { readJournal, type JournalLine } from '../sim/journal.ts';
import { ManagerChild } from '../sim/manager-child.ts';
import { Namespaces } from '../tools/namespaces.ts';
import { killLeaf, resultsInOutbox } from '../tools/relay-lab.ts';

/*
 * Three machines in a row, hub - relay - node, as network namespaces: the node reaches the relay and nothing else. Manager,
 * relay and node are processes of their own over real mutual TLS.
 */

let dir: string;
let net: Namespaces;
let manager: ManagerChild;
const agents: ChildProcess[] = [];

async function until(what: string, condition: () => boolean | Promise<boolean>, seconds = 90): Promise<void> {
  const late = Date.now() + seconds * 1000;
  while (!(await condition())) {
    if (Date.now() > late) throw new Error(`not within ${seconds} s: ${what}`);
    await delay(50);
  }
}

function startAgent(where: string, settings: Omit<TestAgent, 'once'>): ChildProcess {
  const home = join(dir, settings.name);
  mkdirSync(join(home, 'cache'), { recursive: true });
  // Asking thirty programs for their versions is not what this is about.
  writeFileSync(join(home, 'cache/tools.json'), JSON.stringify({}));
  writeFileSync(join(home, 'test.json'), JSON.stringify({ once: false, ...settings }));
  const [program, ...under] = net.under(where);
  const agent = spawn(program, [...under, ...testProgram, 'run', home], { stdio: 'ignore', cwd: '/' });
  agents.push(agent);
  return agent;
}

async function kill9(agent: ChildProcess): Promise<void> {
  if (agent.exitCode !== null || agent.signalCode !== null) return;
  const gone = once(agent, 'exit');
  agent.kill('SIGKILL');
  await gone;
}

const give = (ids: readonly string[], agent: string, spec: object): Promise<unknown> =>
  manager.ask({
    ask: 'give',
    tasks: ids.map((id) => ({ id, agent, kind: 'test', spec: JSON.stringify({ folder: dir, ...spec }) })),
  });

async function results(): Promise<Extract<JournalLine, { what: 'result' }>[]> {
  return (await readJournal(join(dir, 'm', 'journal'))).filter((line) => line.what === 'result');
}

const connected = (count: number) => async (): Promise<boolean> =>
  (await manager.ask<number>({ ask: 'connected' })) === count;
const runs = (): string[] => readFileSync(join(dir, 'runs'), 'utf8').trim().split('\n');

const root = process.getuid?.() === 0 && spawnSync('ip', ['netns', 'list']).status === 0;

const links = which('nats-server') === undefined ? (['grpc'] as const) : (['grpc', 'nats'] as const);

describe.skipIf(!root).each(links)('a relay over %s, in three network namespaces (needs root and iproute2)', (link) => {
  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'hostler-relay-'));
    net = new Namespaces(['hub', 'relay', 'node']);
    manager = await ManagerChild.start({
      home: join(dir, 'm'),
      listen: '10.91.0.1:7441',
      heartbeat: 500,
      under: net.under('hub'),
      args: link === 'nats' ? ['--broker', '0.0.0.0:4333'] : [],
    });
    const token = await manager.ask<string>({ ask: 'token', roles: ['relay', 'build'], uses: 2 });
    startAgent('relay', {
      manager: '10.91.0.1:7441',
      name: 'relay',
      roles: ['relay'],
      link,
      token,
      relay: [{ host: '10.91.1.1', port: 7442 }],
    });
    await until('the relay is there', connected(1));
    startAgent('node', { manager: '10.91.1.1:7442', name: 'node', roles: ['build'], link, token });
    await until('the node enrolled and came, through the relay', connected(2));
    expect(await manager.ask({ ask: 'links' })).toEqual({ [link]: 2 });
  });
  afterEach(async () => {
    writeFileSync(join(dir, 'release'), '');
    for (const agent of agents.splice(0)) await kill9(agent);
    const broker = await manager.ask<number>({ ask: 'broker' }).catch(() => 0);
    await manager.kill();
    if (broker > 0) process.kill(broker, 'SIGKILL');
    killLeaf(join(dir, 'relay'));
    net.remove();
    rmSync(dir, { recursive: true, force: true });
  });

  test('with the hub cut off tasks run to their end, and their reports come once and in order when it is back', async () => {
    const [program, ...under] = net.under('node');
    expect(spawnSync(program, [...under, process.execPath, '-e', reach]).status).toBe(1);
    const ids = Array.from({ length: 5 }, (_, number) => `cut.${number}`);
    await give(ids, 'node', { lines: 3, until: join(dir, 'release') });
    await until('the node has all five, and the first runs', () => existing('runs') && accepted(ids));
    net.cable('hub', false);
    await until('the manager has noticed', connected(0));
    writeFileSync(join(dir, 'release'), '');
    await until('all five have ended where nobody hears of it', () => endedOnNode(ids));
    await until('and wait in its outbox', () => resultsInOutbox(join(dir, 'node')).length === 5);
    const order = resultsInOutbox(join(dir, 'node'));
    expect([...order].sort()).toEqual(ids);
    expect(await results()).toEqual([]);
    net.cable('hub', true);
    await until('their reports', async () => (await results()).length === 5);
    await until('both are back', connected(2));
    const told = await results();
    expect(told.map(({ id }) => id)).toEqual(order);
    expect(told.every(({ end, agent }) => end.outcome === 'done' && agent === 'node')).toBe(true);
    expect([...runs()].sort()).toEqual(ids);
  });

  test('a relay that is killed and started again costs nothing', async () => {
    await give(['a.1'], 'node', { until: join(dir, 'release') });
    await until('it runs', () => existing('runs'));
    const [relay] = agents.splice(0, 1);
    if (relay !== undefined) await kill9(relay);
    await until('both links are gone', connected(0));
    writeFileSync(join(dir, 'release'), '');
    startAgent('relay', {
      manager: '10.91.0.1:7441',
      name: 'relay',
      roles: ['relay'],
      link,
      relay: [{ host: '10.91.1.1', port: 7442 }],
    });
    await until('both are back', connected(2));
    await until('the report', async () => (await results()).length === 1);
    expect(runs()).toEqual(['a.1']);
  });
});

/** Ends with 1 when the hub cannot be reached from there. */
const reach =
  "require('net').connect(7441,'10.91.0.1').on('error',()=>process.exit(1)).on('connect',()=>process.exit(0))";

function accepted(ids: readonly string[]): boolean {
  return ids.every((id) => existsSync(join(dir, 'node', 'spool', id)));
}

function existing(name: string): boolean {
  return existsSync(join(dir, name));
}

/** The node's own word that it is done, from its spool. */
function endedOnNode(ids: readonly string[]): boolean {
  return ids.every((id) => {
    try {
      return readFileSync(join(dir, 'node', 'spool', id, 'result.json')).length > 0;
    } catch {
      return false;
    }
  });
}
