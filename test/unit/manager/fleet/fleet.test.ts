import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readTimeline } from '../../../../shared/task/timeline.ts';
import type { FleetTask } from '../../../../manager/fleet/types.ts';
import { HostlerError } from '../../../../shared/errors/error.ts';
import type { Registry } from '../../../../manager/registry/types.ts';
import { keptReportsCodec } from '../../../../shared/wire/definitions.ts';
import { memoryLink } from '../../../../shared/session/memory.ts';
import type { Facts } from '../../../../shared/task/facts.ts';
import { SimAgent, type SimAgentOptions, enrolSim } from '../../../sim/agent.ts';
import { until } from '../../../sim/engine.ts';
import { SimManager } from '../../../sim/manager.ts';

const task = (id: string): FleetTask => ({
  id,
  kind: 'sim',
  spec: '{}',
  deadline: 0,
  uninterruptible: false,
  correlation: 'c',
  title: 't',
});

const isZero = (value: unknown): boolean => (value as { sequence?: number } | undefined)?.sequence === 0;

/** Its methods, for one that does something else in one place. */
function bound(registry: Registry): Registry {
  return {
    view: registry.view,
    commit: registry.commit.bind(registry),
    observe: registry.observe.bind(registry),
    space: registry.space.bind(registry),
    history: registry.history.bind(registry),
    watch: registry.watch.bind(registry),
    close: registry.close.bind(registry),
  };
}

describe('fleet', () => {
  let folder: string;
  let manager: SimManager;
  let clock: number;
  let agents: SimAgent[];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hostler-fleet-'));
    clock = 0;
    agents = [];
    manager = await SimManager.start({ home: join(folder, 'm'), now: () => Date.now() + clock });
  });
  afterEach(async () => {
    await Promise.all(agents.map((agent) => agent.stop()));
    await manager.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function agent(
    name: string,
    roles: readonly string[],
    options: Partial<SimAgentOptions> = {},
  ): Promise<SimAgent> {
    const home = join(folder, name);
    const identity = await enrolSim({ home, manager: manager.address, token: await manager.token({ roles }), name });
    const before = manager.engine.arrivals.length;
    const started = await SimAgent.start({ home, manager: manager.address, identity, ...options });
    agents.push(started);
    await manager.engine.until(`${name} arrives`, () => manager.engine.arrivals.length > before);
    return started;
  }

  const row = (name: string) => manager.registry.view.reported('agent', name) ?? {};

  it('shows what an agent said of itself', async () => {
    const facts: Partial<Facts> = {
      arch: 'ppc64le',
      os: { id: 'debian', version: '12', name: 'Debian GNU/Linux 12' },
      store: ['unix:/x/store.sock', 'https://10.0.0.1:8443'],
      nics: [
        {
          name: 'eth0',
          mac: '52:54:00:00:00:01',
          addresses: ['10.0.0.1/16', 'fd00::1/64', 'not an address'],
          mtu: 9000,
        },
        { name: 'a name with blanks', mac: '', addresses: ['10.1.0.1/16'] },
        { name: 'eth1', mac: '52:54:00:00:00:02', addresses: [], mtu: 1500 },
        { name: 'eth2', mac: '', addresses: ['10.2.0.1/16'], mtu: 1e9 },
      ],
    };
    const one = await agent('s1', ['store'], { facts });
    expect(row('s1')).toEqual({
      'agent.arch': 'ppc64le',
      'agent.kind': 'service',
      'agent.mtus': 'eth0=9000',
      'agent.nets': 'eth0=10.0.0.1/16 eth0=fd00::1/64 eth2=10.2.0.1/16',
      'agent.os': 'Debian GNU/Linux 12',
      'agent.roles': 'store',
      'agent.state': 'connected',
      'agent.store': 'unix:/x/store.sock,https://10.0.0.1:8443',
      'agent.version': '0.0.0-sim',
    });
    await one.link.ready(AbortSignal.timeout(5000));
    one.link.tell({ facts: { facts: JSON.stringify({ ...facts, store: [] }) } });
    await until('the change shows', () => row('s1')['agent.store'] === undefined);
  });

  it.each([
    ['no JSON', 'nonsense'],
    ['no object', '[1]'],
    ['odd types', '{"arch":7,"emulates":"x","store":{},"os":null}'],
  ])('is not upset by facts that are %s', async (_, facts) => {
    const one = await agent('b1', ['build'], { facts: {} });
    await one.link.ready(AbortSignal.timeout(5000));
    expect(one.link.tell({ facts: { facts } })).toBe(true);
    await one.link.report({ facts: { facts } });
    await one.link.drained(AbortSignal.timeout(5000));
    expect(row('b1')['agent.state']).toBe('connected');
  });

  it('notices silence, tells the agent, and sees it come back', async () => {
    // The link stays open; nothing comes over it any more.
    const { agent: near, manager: far } = memoryLink();
    const home = join(folder, 'q1');
    const identity = await enrolSim({ home, manager: manager.address, token: await manager.token(), name: 'q1' });
    const serving = manager.fleet.serve(far, identity, 'memory');
    await near.send({
      hello: { protocolLowest: 1, protocolHighest: 1, version: '0', incarnation: 'quiet', facts: '{}' },
    });
    const incoming = near.incoming[Symbol.asyncIterator]();
    expect((await incoming.next()).value).toMatchObject({ body: 'welcome' });
    expect(manager.fleet.admin.connected()).toBe(1);
    clock = 60_000;
    expect((await incoming.next()).value).toMatchObject({ refusal: { code: 'unavailable', retryAfter: 1 } });
    await serving;
    expect(manager.fleet.admin.connected()).toBe(0);
    expect(row('q1')['agent.state']).toBe('away');
  });

  it('expects agents back after a restart, for a while', async () => {
    const one = await agent('b1', ['build']);
    await manager.crash();
    await one.stop();
    agents = [];
    await manager.up();
    expect(manager.fleet.place({ role: 'build' }, 'sim')).toMatchObject({ outcome: 'placed', agent: 'b1' });
    clock = 121_000;
    expect(manager.fleet.place({ role: 'build' }, 'sim')).toMatchObject({ outcome: 'nobody', code: 'unavailable' });
    await until('the row says so', () => row('b1')['agent.state'] === 'away');
  });

  it('counts an agent that said goodbye as away at once', async () => {
    const one = await agent('b1', ['build']);
    await one.stop();
    agents = [];
    await until('it is away', () => row('b1')['agent.state'] === 'away');
  });

  it('keeps tasks for an agent that is away over a restart of the manager', async () => {
    const one = await agent('b1', ['build']);
    await one.stop();
    manager.fleet.send('b1', one.incarnation, task('j.1'));
    await until('it is on disk', () => manager.lines.length > 0);
    await manager.registry.space('fleet').write([{ key: 'mark', value: 1 }]);
    await manager.crash();
    await manager.up();
    const home = join(folder, 'b1');
    const identity = await enrolSim({ home, manager: manager.address, token: '', name: 'b1' });
    agents = [await SimAgent.start({ home, manager: manager.address, identity, incarnation: one.incarnation })];
    await manager.engine.until('the end', () => manager.engine.applied.length === 1);
  });

  it('takes what an agent laid down in time, also when its certificate has expired since; of a former one nothing', async () => {
    const one = await agent('b1', ['build'], { work: () => new Promise(() => undefined) });
    manager.fleet.send('b1', one.incarnation, task('j.1'));
    await until('it runs', () => one.outbox.last === 1);
    await one.link.drained(AbortSignal.timeout(10_000));
    await one.stop();
    agents = [];
    await until('it is away', () => manager.fleet.admin.connected() === 0);
    const own = manager.fleet.admin.agents().find(({ name }) => name === 'b1');
    const peer = manager.fleet.enrolment.holder('b1', own?.serial ?? '');
    const { fleet } = manager;
    const reports = (sequence: number) =>
      keptReportsCodec.decode(
        keptReportsCodec.encode({
          incarnation: one.incarnation,
          messages: [{ sequence, result: { id: 'j.1', outcome: 'done', result: '{}' } }],
        }),
      );
    clock = 365 * 24 * 3600_000;
    expect(() => fleet.enrolment.admitted(peer)).toThrow(/expired/);
    expect(await fleet.kept(peer, reports(one.outbox.last + 2))).toBe(true);
    expect(manager.logged(/a gap before reports that were kept/)).toHaveLength(1);
    expect(manager.engine.applied).toHaveLength(0);
    // Twice at once, as two relays might: once.
    await Promise.all([0, 1].map(() => fleet.kept(peer, reports(one.outbox.last + 1))));
    expect(manager.engine.of('j.1').ends).toHaveLength(1);
    await expect(fleet.kept({ ...peer, serial: 'abc' }, reports(9))).rejects.toThrow(/revoked or replaced/);
  });

  it('places by what is connected, and takes no more for an agent that was told to leave', async () => {
    const one = await agent('b1', ['build'], { taskKinds: { sim: 1 } });
    expect(manager.fleet.place({ role: 'build' }, 'sim')).toEqual({
      outcome: 'placed',
      agent: 'b1',
      incarnation: one.incarnation,
    });
    manager.fleet.dismiss('b1', 'done');
    expect(manager.fleet.place({ role: 'build' }, 'sim')).toMatchObject({ outcome: 'nobody' });
  });

  it('tells of an arrival again until it was heard', async () => {
    let deaf = true;
    manager.engine.onArrival = () => {
      if (deaf) throw new Error('the disk is full');
    };
    const one = await agent('b1', ['build']);
    await until('the link is closed for it', () => one.refusals.length > 0);
    deaf = false;
    await one.stop();
    const home = join(folder, 'b1');
    const identity = await enrolSim({ home, manager: manager.address, token: '', name: 'b1' });
    const again = async (): Promise<void> => {
      agents = [await SimAgent.start({ home, manager: manager.address, identity, incarnation: one.incarnation })];
    };
    await again();
    await manager.engine.until('two arrivals', () => manager.engine.arrivals.length === 2);
    await until('heard', () => agents[0]?.link.connected === true);
    await manager.registry.space('fleet').write([{ key: 'mark', value: 1 }]);
    await agents[0]?.stop();
    await again();
    await manager.engine.until('three arrivals', () => manager.engine.arrivals.length === 3);
    expect(manager.engine.arrivals.map(({ first }) => first)).toEqual([true, true, false]);
  });

  it('loses tasks for agents that are not there', async () => {
    manager.fleet.send('nobody', 'x', task('j.1'));
    await manager.engine.until('the loss', () => manager.engine.of('j.1').losses.length === 1);
  });

  describe('events of nodes', () => {
    beforeEach(async () => {
      const info = { user: 'root', command: 'mkdef', correlation: 'c', at: 0 };
      await manager.registry.commit(info, [
        { type: 'node', name: 'n01', values: { 'nodelist.node': 'n01', 'chain.currstate': 'netboot x' } },
      ]);
    });

    const node = () => manager.registry.view.reported('node', 'n01') ?? {};

    it('from a boot server become the state of the node', async () => {
      const one = await agent('boot1', ['boot']);
      const now = Date.now();
      for (const stage of ['dhcp', 'loader', 'kernel', 'booted']) {
        await one.link.report({
          nodeEvent: { node: 'n01', stage, at: now, mac: 'aa:bb:cc:dd:ee:ff', bootId: '', detail: '' },
        });
      }
      await one.link.drained(AbortSignal.timeout(5000));
      expect(node()).toMatchObject({ 'nodelist.status': 'booted' });
      expect(Object.keys(readTimeline(node()['boot.timeline']))).toEqual(['dhcp', 'loader', 'kernel', 'booted']);
    });

    it('an AIX machine that NIM has installed starts from its disk from now on; a diskless one does not', async () => {
      const info = { user: 'root', command: 'nimnodeset', correlation: 'c', at: 0 };
      const one = await agent('aix1', ['nim']);
      for (const [was, becomes] of [
        ['standalone', 'boot'],
        ['diskless', 'diskless'],
      ] as const) {
        await manager.registry.commit(info, [{ type: 'node', name: 'n01', values: { 'chain.currstate': was } }]);
        for (const stage of ['nim-installing', 'nim-failed', 'nim-booted']) {
          const state = () => manager.registry.view.row('node', 'n01')?.['chain.currstate'];
          expect(state()).toBe(was);
          await one.link.report({ nodeEvent: { node: 'n01', stage, at: Date.now(), mac: '', bootId: '', detail: '' } });
          await one.link.drained(AbortSignal.timeout(5000));
          if (stage === 'nim-booted') await vi.waitFor(() => expect(state()).toBe(becomes));
        }
      }
    });

    it('count once, though the manager died before it noted how far it had come', async () => {
      // Everything but the numbers that were applied reaches the disk.
      let failing = true;
      const forgetful = {
        ...bound(manager.registry),
        space: (name: string) => {
          const space = manager.registry.space(name);
          const write: typeof space.write = async (writes, options) => {
            if (!failing || !writes.some(({ key, value }) => /^applied/.test(key) && !isZero(value)))
              return space.write(writes, options);
            // Slowly, so that there is time for what comes behind.
            await delay(300);
            throw new HostlerError('unavailable', 'the disk does not take it');
          };
          return { ...space, name, write };
        },
      };
      const other = await SimManager.start({ home: join(folder, 'm2'), registry: forgetful });
      const home = join(folder, 'boot2');
      const token = await other.token({ roles: ['boot'] });
      const identity = await enrolSim({ home, manager: other.address, token, name: 'boot2', roles: ['boot'] });
      const one = await SimAgent.start({ home, manager: other.address, identity, pauses: [20, 40] });
      agents.push(one);
      const rearm = { type: 'node', name: 'n01', values: { 'chain.currstate': 'sysclone x' } };
      const installer = { user: 'root', command: 'nodeset', correlation: 'c', at: 0 };
      await manager.registry.commit(installer, [rearm]);
      const now = Date.now();
      const stages = ['loader', 'kernel', 'initrd', 'installed', 'switched', 'booted', 'dhcp', 'loader'];
      for (const [index, stage] of stages.entries())
        await one.link.report({ nodeEvent: { node: 'n01', stage, at: now + index, mac: '', bootId: '', detail: '' } });
      const currstate = () => manager.registry.view.row('node', 'n01')?.['chain.currstate'];
      await vi.waitFor(() => expect(currstate()).toBe('boot'), 10_000);
      const told = () => readTimeline(node()['boot.timeline']);
      await vi.waitFor(() => expect(told()).toEqual({ dhcp: now + 6, loader: now + 7 }), 10_000);
      // Somebody wants it installed again, while the agent tells everything once more.
      await manager.registry.commit(installer, [rearm]);
      await other.crash();
      await other.up();
      await vi.waitFor(() => expect(other.engine.arrivals.length).toBeGreaterThan(1), 10_000);
      failing = false;
      await one.link.drained(AbortSignal.timeout(10_000));
      expect(currstate()).toBe('sysclone x');
      expect(told()).toEqual({ dhcp: now + 6, loader: now + 7 });
      await one.stop();
      await other.crash();
    });

    it('with times that cannot be are put at the present', async () => {
      const one = await agent('boot1', ['boot']);
      await one.link.report({ nodeEvent: { node: 'n01', stage: 'dhcp', at: 12, mac: '', bootId: '', detail: '' } });
      await one.link.drained(AbortSignal.timeout(5000));
      const { dhcp = 0 } = readTimeline(node()['boot.timeline']);
      expect(Math.abs(dhcp - Date.now())).toBeLessThan(10_000);
    });

    it('about machines nobody knows are kept apart, bounded, and logged once each', async () => {
      const one = await agent('boot1', ['boot']);
      for (let round = 0; round < 2; round++) {
        for (let index = 0; index < 230; index++) {
          void one.link.report({
            nodeEvent: {
              node: '',
              stage: 'unknown-node',
              at: Date.now(),
              mac: `aa:${index}\u001b[2J`,
              bootId: '',
              detail: 'dhcp',
            },
          });
        }
      }
      await one.link.report({
        nodeEvent: { node: 'n99', stage: 'dhcp', at: Date.now(), mac: '', bootId: '', detail: '' },
      });
      await one.link.drained(AbortSignal.timeout(5000));
      const strangers = manager.fleet.strangers();
      expect(strangers).toHaveLength(200);
      expect(strangers.at(-1)).toMatchObject({ mac: 'n99', server: 'boot1' });
      expect(strangers[0]?.mac).not.toContain('\u001b');
      expect([...manager.registry.view.reportedRows('node')]).toEqual([]);
    });
  });
});
