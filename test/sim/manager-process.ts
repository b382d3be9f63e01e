import { parseArgs } from 'node:util';
import { openDiskStore } from '../../manager/registry/disk-store.ts';
import { leafPort } from '../../shared/broker/address.ts';
import { openRegistry } from '../../manager/registry/registry.ts';
import { type SimBroker, startBroker } from './broker.ts';
import { SimEngine, until } from './engine.ts';
import { type GivenTask, Journal, readJournal } from './journal.ts';
import { SimManager } from './manager.ts';
import { define, installAgain, installedBy } from './reinstall.ts';

/**
 * A manager with nothing but a fleet, in a process of its own, for measurements and faults. What it was asked to give and
 * what came back stands in HOME/journal; started again with the same HOME it goes on. Speaks over the channel of child_process:
 * each message `{ number, ask, ... }` is answered with `{ number, value }` or `{ number, error }`.
 */
export type Ask =
  | {
      readonly ask:
        | 'memory'
        | 'connected'
        | 'cpu'
        | 'round'
        | 'stop'
        | 'states'
        | 'ended'
        | 'departures'
        | 'broker'
        | 'links'
        | 'kept'
        | 'log';
    }
  | { readonly ask: 'define'; readonly nodes: readonly { readonly name: string; readonly currstate: string }[] }
  | { readonly ask: 'installations' }
  | { readonly ask: 'reported'; readonly type: string }
  | { readonly ask: 'token'; readonly roles: readonly string[]; readonly uses: number }
  | { readonly ask: 'give'; readonly tasks: readonly ({ readonly id: string; readonly agent: string } & GivenTask)[] };

const { values } = parseArgs({
  options: {
    home: { type: 'string' },
    listen: { type: 'string', default: '127.0.0.1:0' },
    /** Milliseconds; absent: what the product does. */
    heartbeat: { type: 'string' },
    /** Where a nats-server beside it listens. */
    broker: { type: 'string' },
  },
});
const home = values.home ?? '';
const [host = '', port = '0'] = values.listen.split(':');
const began = await readJournal(`${home}/journal`);
const journal = await Journal.open(`${home}/journal`);
const engine = new SimEngine();
engine.recall(began.filter((line) => line.what !== 'asked'));
engine.keep = (event) => journal.write(event);
engine.note = (event) => journal.note(event);
const registry = await openRegistry(await openDiskStore(`${home}/db`));
const manager = await SimManager.start({
  home,
  registry,
  engine,
  tcp: { host, port: Number(port) },
  ...(values.heartbeat === undefined ? { realHeartbeat: true } : { shortestHeartbeat: Number(values.heartbeat) }),
});
const broker = values.broker === undefined ? undefined : await brokerAt(values.broker);

async function brokerAt(address: string): Promise<SimBroker> {
  const [where = '', number = '0'] = address.split(':');
  const started = await startBroker(manager, `${home}/broker`, {
    listen: { host: where, port: Number(number) },
    leafListen: { host: where, port: leafPort(Number(number)) },
  });
  // As the product does: who listens everywhere is where the manager is.
  if (where === '0.0.0.0') manager.attach([`127.0.0.1:${number}`], undefined, [`:${number}`]);
  else manager.attach([address]);
  return started;
}

function send(agent: string, incarnation: string, id: string, task: GivenTask): void {
  manager.fleet.send(agent, incarnation, {
    ...task,
    id,
    deadline: 600,
    uninterruptible: false,
    correlation: 'sim',
    title: id,
  });
}

// As the jobs engine does: what it asked for and has no answer to is asked again.
for (const line of began) {
  if (line.what === 'asked' && !engine.hasEnded(line.id)) send(line.agent, line.incarnation, line.id, line);
}

async function give(tasks: readonly ({ readonly id: string; readonly agent: string } & GivenTask)[]): Promise<number> {
  const lives = new Map(manager.fleet.admin.agents().map(({ name, incarnation }) => [name, incarnation]));
  await Promise.all(
    tasks.map(async ({ id, agent, kind, spec }) => {
      const incarnation = lives.get(agent) ?? '';
      await journal.write({ what: 'asked', id, agent, incarnation, kind, spec });
      send(agent, incarnation, id, { kind, spec });
    }),
  );
  return tasks.length;
}

/** One task to every connected agent; resolves when all are done. */
async function round(): Promise<{ milliseconds: number; tasks: number }> {
  // Not the name of one that an earlier process kept.
  const job = `round${Date.now()}`;
  const before = engine.applied.length;
  const agents = manager.fleet.admin.agents().filter(({ state }) => state === 'connected');
  const started = performance.now();
  for (const { name = '', incarnation = '' } of agents) {
    send(name, incarnation, `${job}.${name}`, { kind: 'sim', spec: '{}' });
  }
  await engine.until('all are done', () => engine.applied.length - before === agents.length, 240_000);
  return { milliseconds: performance.now() - started, tasks: agents.length };
}

await installAgain(registry, new AbortController().signal);

async function answer(asked: Ask): Promise<unknown> {
  switch (asked.ask) {
    case 'memory':
      globalThis.gc?.();
      return process.memoryUsage();
    case 'connected':
      return manager.fleet.admin.connected();
    case 'cpu':
      return process.cpuUsage();
    case 'round':
      return round();
    case 'token':
      return manager.token({ roles: asked.roles, uses: asked.uses, lifetime: 24 * 3600 });
    case 'give':
      return give(asked.tasks);
    case 'define':
      return define(registry, asked.nodes);
    case 'installations':
      return installedBy(registry);
    case 'reported':
      return [...registry.view.reportedRows(asked.type)];
    case 'ended':
      return engine.tasks.size === 0 ? 0 : [...engine.tasks.keys()].filter((id) => engine.hasEnded(id)).length;
    case 'states': {
      const states: Record<string, number> = {};
      for (const { state = '' } of manager.fleet.admin.agents()) states[state] = (states[state] ?? 0) + 1;
      return states;
    }
    case 'broker':
      return broker?.pid() ?? 0;
    case 'links': {
      const links: Record<string, number> = {};
      for (const { state, link = '' } of manager.fleet.admin.agents()) {
        if (state === 'connected') links[link] = (links[link] ?? 0) + 1;
      }
      return links;
    }
    case 'kept':
      return manager.kept;
    case 'log': {
      const lines: Record<string, number> = {};
      for (const { level, message } of manager.lines) {
        const line = `${level}: ${message.replace(/\d+/g, 'N').replace(/sim-N/g, 'sim')}`;
        lines[line] = (lines[line] ?? 0) + 1;
      }
      return lines;
    }
    case 'departures':
      return manager.logged(/^agent away$/).length;
    case 'stop':
      await manager.stop();
      await broker?.stop();
      return 'stopped';
  }
}

process.on('message', (message: Ask & { readonly number: number }) => {
  const { number } = message;
  answer(message).then(
    (value) => {
      process.send?.({ number, value });
      if (message.ask === 'stop') process.disconnect();
    },
    (error: unknown) => process.send?.({ number, error: String(error) }),
  );
});
// Whoever started this is gone.
process.once('disconnect', () => process.exit());
await until('it answers', () => manager.address !== '');
process.send?.({ number: 0, value: { address: manager.address } });
