import { randomBytes } from 'node:crypto';
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Identity } from '../../agent/identity/identity-files.ts';
import type { Channel } from '../../shared/session/channels.ts';
import { firstWindow } from '../../shared/session/channels.ts';
import { longestMessage } from '../../shared/session/limits.ts';
import { SimAgent, type SimAgentOptions, enrolSim } from '../sim/agent.ts';
import { until } from '../sim/engine.ts';
import { SimManager } from '../sim/manager.ts';
import { type Backend, type Wiring, grpc, memory } from './link-backends.ts';
import { leaf, nats } from './link-nats-backends.ts';

/** What every carrier of the link must give; what it makes of agents that break these rules: link-badly-made.test.ts. */
describe.each([memory, grpc, nats, leaf])('link over $name', (backend: Backend) => {
  let folder: string;
  let manager: SimManager;
  let identity: Identity;
  let wiring: Wiring;
  let agents: SimAgent[];
  let clock: number;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hostler-link-'));
    clock = 0;
    manager = await SimManager.start({ home: join(folder, 'm'), now: () => Date.now() + clock });
    const token = await manager.token({ roles: ['build'] });
    identity = await enrolSim({ home: join(folder, 'a'), manager: manager.address, token, name: 'a1' });
    wiring = await backend.wire(manager, identity, folder);
    agents = [];
  });

  afterEach(async () => {
    await Promise.all(agents.map((agent) => agent.stop()));
    await manager.stop();
    await wiring.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function agent(options: Partial<SimAgentOptions> = {}): Promise<SimAgent> {
    const started = await SimAgent.start({ home: join(folder, 'a'), carrier: wiring.carrier, ...options });
    agents.push(started);
    return started;
  }

  async function connected(options: Partial<SimAgentOptions> = {}): Promise<SimAgent> {
    const before = manager.engine.arrivals.length;
    const started = await agent(options);
    await manager.engine.until('the agent arrives', () => manager.engine.arrivals.length > before);
    return started;
  }

  function give(to: SimAgent, id: string, spec = '{}'): void {
    const task = { id, kind: 'sim', spec, deadline: 0, uninterruptible: false, correlation: 'c', title: 't' };
    manager.fleet.send('a1', to.incarnation, task);
  }

  const ids = (count: number, job: string): string[] => Array.from({ length: count }, (_, index) => `${job}.${index}`);

  it('brings results in the order they were reported', async () => {
    const one = await connected();
    for (const id of ids(300, 'order')) give(one, id);
    await manager.engine.until('300 ends', () => manager.engine.applied.length === 300);
    await one.link.drained(AbortSignal.timeout(30_000));
    expect(manager.engine.applied.map(({ id }) => id)).toEqual(inOrder(one.reported));
    expect([...one.begun.keys()]).toEqual(ids(300, 'order'));
  });

  it('applies everything once however often the connection is cut', async () => {
    const one = await connected();
    const wanted = ids(150, 'cut');
    let cuts = 0;
    const cutting = setInterval(() => {
      cuts++;
      wiring.cut();
    }, 23);
    try {
      for (const id of wanted) {
        give(one, id);
        if (Number(id.split('.')[1]) % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 7));
      }
      await manager.engine.until('a few cuts', () => cuts > 8);
    } finally {
      clearInterval(cutting);
    }
    await manager.engine.until('all ends', () => manager.engine.applied.length >= wanted.length, 40_000);
    await one.link.drained(AbortSignal.timeout(30_000));
    expect(manager.engine.applied.map(({ id }) => id).sort()).toEqual([...wanted].sort());
    expect([...one.begun.values()].every((times) => times === 1)).toBe(true);
    expect(manager.engine.of('cut.0').losses).toEqual([]);
    expect(one.openTasks).toEqual([]);
  });

  it('carries 100 MB of log by offsets, across a cut, byte for byte', async () => {
    const piece = Buffer.alloc(64 * 1024, 'log ');
    const pieces = 1600;
    const total = pieces * piece.length;
    let cut = false;
    const one = await connected({
      work: async (self, { id }) => {
        let at = 0;
        self.onWelcome = (offsets) => (at = (offsets.get(id) ?? 0) / piece.length);
        while (manager.engine.of(id).logBytes < total) {
          if (at === pieces) await until('the rest', () => at < pieces || manager.engine.of(id).logBytes === total);
          else if (self.link.tell({ log: { id, offset: at * piece.length, text: piece } })) at++;
          else await self.link.ready(AbortSignal.timeout(30_000));
          if (at === 800 && !cut) {
            cut = true;
            wiring.cut();
          }
        }
        return {};
      },
    });
    give(one, 'big.log');
    await manager.engine.until('the end', () => manager.engine.applied.length === 1, 40_000);
    const digest = createHash('sha256');
    for (let at = 0; at < pieces; at++) digest.update(piece);
    expect(cut).toBe(true);
    expect(manager.engine.of('big.log').logBytes).toBe(total);
    expect(manager.engine.of('big.log').logDigest.digest('hex')).toBe(digest.digest('hex'));
  });

  it('makes the sender wait for a receiver that does not read', async () => {
    const { agent: near, manager: far } = await wiring.bare();
    const text = Buffer.alloc(64 * 1024);
    let taken = 0;
    const sends = Array.from({ length: 400 }, (_, index) =>
      near.send({ log: { id: 'x', offset: index, text } }).then(() => taken++),
    );
    await until('the sender stands still', () => taken > 0);
    let before = -1;
    while (before !== taken) {
      before = taken;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(taken).toBeLessThan(200);
    const offsets: number[] = [];
    for await (const message of far.incoming) {
      if (message.log) offsets.push(message.log.offset);
      if (offsets.length === 400) break;
    }
    await Promise.all(sends);
    expect(offsets).toEqual(Array.from({ length: 400 }, (_, index) => index));
    near.close();
    far.close();
  });

  it('opens channels in both directions, with a window that a slow reader closes', async () => {
    const opened: Channel[] = [];
    const one = await connected({ channel: (channel) => opened.push(channel) });
    const mine = manager.fleet.openChannel('a1', 'console');
    const bytes = Buffer.alloc(3 * firstWindow, 'x');
    let written = false;
    const writing = mine.write(bytes).then(() => (written = true));
    await until('the channel at the other end', () => opened.length === 1);
    const [theirs] = opened;
    if (theirs === undefined) throw new Error('no channel');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(written).toBe(false);
    let read = 0;
    for await (const piece of theirs.incoming) {
      read += piece.length;
      if (read === bytes.length) break;
    }
    await writing;
    await theirs.write(Buffer.from('answer'));
    await theirs.end();
    await mine.end();
    const answer: Buffer[] = [];
    for await (const piece of mine.incoming) answer.push(piece);
    expect(Buffer.concat(answer).toString()).toBe('answer');

    const asked: Channel[] = [];
    manager.fleet.onChannel((name, channel) => {
      expect(name).toBe('a1');
      asked.push(channel);
    });
    const second = one.link.openChannel('second');
    await second.write(Buffer.from('hello'));
    await until('the second channel', () => asked.length === 1);
    wiring.cut();
    await expect(
      (async () => {
        for await (const piece of second.incoming) expect(piece).toHaveLength(0);
      })(),
    ).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('sends what the agent does not know after a reconnect, and takes back what was cancelled meanwhile', async () => {
    const one = await connected();
    wiring.passable = false;
    wiring.cut();
    await until('the link is down', () => !one.link.connected);
    give(one, 'gone.1');
    give(one, 'gone.2');
    manager.fleet.cancel('a1', 'gone.2', 'not wanted any more');
    wiring.passable = true;
    await manager.engine.until('both ends', () => manager.engine.applied.length === 2);
    expect([...one.begun.keys()]).toEqual(['gone.1']);
    expect(manager.engine.of('gone.2').ends[0]?.end).toMatchObject({
      outcome: 'cancelled',
      message: 'not wanted any more',
    });
  });

  it('passes cancel and dismiss on', async () => {
    const one = await connected({ work: () => new Promise(() => undefined) });
    give(one, 'long.1');
    await until('the task begins', () => one.begun.size === 1);
    manager.fleet.cancel('a1', 'long.1', 'stop it');
    await until('the cancel', () => one.cancelled.size === 1);
    expect(one.cancelled.get('long.1')).toBe('stop it');
    manager.fleet.dismiss('a1', 'nothing more to do');
    await until('the dismissal', () => one.dismissed.length === 1);
    wiring.cut();
    await until('the dismissal comes again', () => one.dismissed.length === 2);
  });

  it('survives a manager that is killed with results on their way', async () => {
    const one = await connected();
    let hold = true;
    manager.engine.beforeResult = async () => {
      if (hold) await new Promise(() => undefined);
    };
    for (const id of ids(20, 'crash')) give(one, id);
    await until('the results wait', () => one.outbox.last === 40);
    wiring.cut();
    await manager.crash();
    hold = false;
    await manager.up();
    await manager.engine.until('all ends', () => manager.engine.applied.length === 20);
    await one.link.drained(AbortSignal.timeout(30_000));
    expect(new Set(manager.engine.applied.map(({ id }) => id)).size).toBe(20);
    expect([...one.begun.values()].every((times) => times === 1)).toBe(true);
  });

  it('knows a task of before after the manager was restarted', async () => {
    let finish: (() => void) | undefined;
    const one = await connected({ work: () => new Promise((resolve) => (finish = () => resolve({}))) });
    give(one, 'over.1');
    await until('the task begins', () => finish !== undefined);
    await one.link.drained(AbortSignal.timeout(30_000));
    wiring.cut();
    await manager.crash();
    await manager.up();
    await until('the agent is back', () => one.link.connected);
    give(one, 'over.1');
    finish?.();
    await manager.engine.until('the end', () => manager.engine.applied.length === 1);
    expect(one.begun.size).toBe(1);
  });

  it('notices that an agent is gone, and gives it its tasks when it comes back', async () => {
    const one = await connected();
    wiring.passable = false;
    wiring.cut();
    await until('the link is down', () => !one.link.connected);
    await until('the manager has noticed', () => manager.fleet.admin.connected() === 0);
    expect(manager.fleet.place({ role: 'build' }, 'sim')).toMatchObject({ outcome: 'placed' });
    clock += 60_000;
    await until('the agent is away', () => manager.fleet.admin.agents()[0]?.state === 'away');
    expect(manager.fleet.place({ role: 'build' }, 'sim')).toMatchObject({ outcome: 'nobody', code: 'unavailable' });
    await until('its row says so', () => manager.registry.view.reported('agent', 'a1')?.['agent.state'] === 'away');
    give(one, 'later.1');
    wiring.passable = true;
    await manager.engine.until('the end', () => manager.engine.applied.length === 1);
    expect(manager.fleet.admin.agents()[0]?.state).toBe('connected');
  });

  it('reports the open tasks of an earlier life as lost', async () => {
    const one = await connected({ work: () => new Promise(() => undefined) });
    give(one, 'old.1');
    await until('the task begins', () => one.begun.size === 1);
    await one.stop();
    agents.length = 0;
    const two = await connected();
    await manager.engine.until('the loss', () => manager.engine.of('old.1').losses.length === 1);
    expect(manager.engine.of('old.1').losses[0]).toContain('new life');
    expect(manager.engine.arrivals.map(({ first }) => first)).toEqual([true, true]);
    give(one, 'old.2');
    await manager.engine.until('the second loss', () => manager.engine.of('old.2').losses.length === 1);
    expect(two.begun.size).toBe(0);
  });

  it('ends a connection on which something comes that is no message, and changes nothing', async () => {
    const one = await connected();
    await wiring.garbage();
    await until('the log says so', () => manager.logged(/that is no message/).length === 1);
    expect(manager.logged(/that is no message/)[0]?.fields).toMatchObject({ agent: 'a1', refused: 1 });
    give(one, 'after.garbage');
    await manager.engine.until('the end', () => manager.engine.applied.length === 1);
    expect(manager.engine.arrivals.filter(({ first }) => first)).toHaveLength(1);
  });

  it('ends a connection on which a message of 8 MB comes, says so, and applies nothing of it', async () => {
    await wiring.oversized();
    await until('the log says so', () => manager.logged(/more than \d+ bytes came/).length === 1);
    expect(manager.logged(/more than \d+ bytes came/)[0]?.fields).toMatchObject({ agent: 'a1', refused: 1 });
    expect(manager.registry.view.reported('agent', 'a1')?.['agent.arch']).toBe('x86_64');
    const one = await connected();
    give(one, 'after.8mb');
    await manager.engine.until('the end', () => manager.engine.applied.length === 1);
  });

  it('refuses an agent of a protocol that it does not speak, and says what to upgrade', async () => {
    const one = await agent({ speaks: { lowest: 7, highest: 9 } });
    await until('the refusal', () => one.refusals.length === 1);
    expect(one.refusals[0]?.message).toContain('Upgrade the manager');
    expect(manager.logged(/Upgrade the manager/)[0]?.fields).toMatchObject({ agent: 'a1', refused: 1 });
    expect(manager.engine.arrivals).toEqual([]);
  });

  it('refuses messages that are too long, on both sides, and goes on', async () => {
    const one = await connected();
    const text = 'x'.repeat(longestMessage + 1);
    await expect(one.link.report({ facts: { facts: text } })).rejects.toMatchObject({ code: 'resource_exhausted' });
    // Long specifications travel deflated: this one cannot be.
    give(one, 'long.spec', randomBytes(longestMessage).toString('base64'));
    await manager.engine.until('the failure', () => manager.engine.applied.length === 1);
    expect(manager.engine.applied[0]?.end).toMatchObject({ outcome: 'failed', code: 'resource_exhausted' });
    give(one, 'short.spec');
    await manager.engine.until('the end', () => manager.engine.applied.length === 2);
  });
});

describe('protocol versions', () => {
  it('an agent one version older than the manager is served', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hostler-link-'));
    const manager = await SimManager.start({ home: join(folder, 'm'), speaks: { lowest: 1, highest: 2 } });
    const token = await manager.token();
    const identity = await enrolSim({ home: join(folder, 'a'), manager: manager.address, token, name: 'old' });
    const agent = await SimAgent.start({
      home: join(folder, 'a'),
      manager: manager.address,
      identity,
      speaks: { lowest: 1, highest: 1 },
    });
    try {
      await manager.engine.until('the agent arrives', () => manager.engine.arrivals.length === 1);
    } finally {
      await agent.stop();
      await manager.stop();
      await rm(folder, { recursive: true, force: true });
    }
  });
});

function inOrder(reported: ReadonlyMap<number, string>): string[] {
  return [...reported].sort(([a], [b]) => a - b).map(([, id]) => id);
}
