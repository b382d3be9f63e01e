import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Msg } from 'nats';
import { describe, expect, it } from 'vitest';
import { natsCarrier } from '../../agent/link/nats.ts';
import { allUp, keptSubject, upSubject } from '../../shared/identity/subjects.ts';
import { frameCodec, keptReportsCodec } from '../../shared/wire/definitions.ts';
import { SimSpool } from '../sim/agent.ts';
import { startBroker } from '../sim/broker.ts';
import { until } from '../sim/engine.ts';
import { eventually, logOf, natsLab, stallingRelay } from './nats-lab.ts';

/** What only a broker can do to a link: every promise of the link holds all the same. */
describe('the link over NATS', () => {
  const lab = natsLab();
  const { attach, agent, give, ids, client, mighty, allOnce } = lab;

  describe('in bad days', () => {
    it('goes on when the broker is killed, which is started again', async () => {
      await attach();
      const one = await agent();
      const wanted = ids(80, 'kill');
      const killed: number[] = [];
      for (const [index, id] of wanted.entries()) {
        give(one, id);
        if (index % 40 !== 20) continue;
        await until('a broker runs', () => lab.broker.pid() > 0);
        killed.push(lab.broker.pid());
        process.kill(lab.broker.pid(), 'SIGKILL');
        await until('it is gone', () => lab.broker.pid() !== killed.at(-1));
      }
      await allOnce(one, wanted);
      expect(killed).toHaveLength(2);
      expect(lab.broker.lines.filter(({ message }) => /the broker ended \(SIGKILL\)/.test(message))).toHaveLength(2);
    });

    it('keeps everything while the broker is away for minutes, and says who is away', async () => {
      await attach();
      const one = await agent({ work: () => until('the broker is away', () => !one.link.connected).then(() => ({})) });
      const wanted = ids(50, 'away');
      for (const id of wanted) give(one, id);
      await until('the tasks begin', () => one.begun.size === wanted.length);
      await lab.broker.stop();
      await until('all ended', () => one.reported.size === wanted.length);
      await until('the manager has noticed', () => lab.manager.fleet.admin.connected() === 0);
      lab.clock += 10 * 60_000;
      await until('the agent is away', () => lab.manager.fleet.admin.agents()[0]?.state === 'away');
      expect(lab.manager.engine.applied).toEqual([]);
      lab.broker = await startBroker(lab.manager, join(lab.folder, 'nats'), {
        listen: { host: '127.0.0.1', port: lab.broker.port },
      });
      lab.cleanUp.push(() => lab.broker.stop());
      await allOnce(one, wanted);
      expect(lab.manager.fleet.admin.agents()[0]?.state).toBe('connected');
    });

    it('loses nothing when the manager reads too slowly and the broker throws it out', async () => {
      // One agent has less on its way than the least that a broker lets wait: it takes a crowd, or one that floods.
      await attach({ maxPending: 1024 * 1024 });
      const relay = await stallingRelay(lab.broker.port);
      lab.cleanUp.push(relay.close);
      await lab.manager.natsLink.close();
      lab.manager.attach([`127.0.0.1:${relay.port}`]);
      await until('the manager is at the broker', () => lab.manager.natsLink.open);
      const one = await agent();
      const flood = await client(lab.identity);
      const wanted = ids(40, 'slow');
      for (const id of wanted.slice(0, 20)) give(one, id);
      relay.stall(true);
      const frame = frameCodec.encode({ number: 2, piece: Buffer.alloc(900_000) });
      for (let index = 0; index < 24; index++) flood.publish(upSubject(lab.identity, `flood${index}`), frame);
      await flood.flush();
      await eventually('the broker throws it out', async () =>
        (await logOf(lab.folder)).includes('Slow Consumer Detected'),
      );
      relay.stall(false);
      await until('the manager has noticed', () => lab.manager.logged(/connection to the broker was lost/).length > 0);
      for (const id of wanted.slice(20)) give(one, id);
      await allOnce(one, wanted);
    });

    it('says at once that reports are not kept when the broker is gone before it answers', async () => {
      await attach();
      await lab.manager.natsLink.close();
      const { streams } = await (await mighty()).jetstreamManager();
      const relay = await stallingRelay(lab.broker.port);
      lab.cleanUp.push(relay.close);
      const carrier = natsCarrier({ servers: () => [`127.0.0.1:${relay.port}`], identity: () => lab.identity });
      const stop = new AbortController();
      lab.cleanUp.push(async () => stop.abort());
      await carrier(stop.signal);
      const keep = (sequence: number) =>
        carrier.keep?.('life', [{ sequence, nodeEvent: { node: 'none', stage: 'dhcp', at: 1 } }]);
      relay.stall(true);
      // One piece of what the broker says still goes through, and this is it.
      await keep(1);
      const second = expect(keep(2)).rejects.toThrow(/lost before it said that it keeps reports/);
      await eventually('it has both', async () => (await streams.info('HOSTLER_REPORTS')).state.messages === 2);
      await relay.close();
      await second;
    });

    it('takes each report once though the broker delivers everything twice, and starts over when one is missing', async () => {
      await attach();
      const other = await mighty();
      let copied = 0;
      const seen = new Set<string>();
      const twice = (_: Error | null, message: Msg): void => {
        const key = `${message.subject} ${Buffer.from(message.data).toString('base64')}`;
        if (message.data.length === 0 || seen.has(key)) return;
        seen.add(key);
        copied++;
        other.publish(message.subject, message.data);
      };
      other.subscribe(allUp, { callback: twice });
      await other.flush();
      const one = await agent();
      const wanted = ids(60, 'twice');
      for (const id of wanted.slice(0, 30)) give(one, id);
      await lab.manager.engine.until('half of it', () => lab.manager.engine.applied.length === 30);
      const [first] = [...seen].map((key) => key.split(' ')[0] ?? '');
      // As if nine frames had been overtaken.
      other.publish(first ?? '', frameCodec.encode({ number: 10_000, piece: Buffer.alloc(0) }));
      await until('it is noticed', () => lab.manager.logged(/Frame 10000 came where/).length === 1);
      for (const id of wanted.slice(30)) give(one, id);
      await allOnce(one, wanted);
      expect(copied).toBeGreaterThan(60);
      expect(lab.manager.natsLink.counts.again).toBeGreaterThan(30);
    });

    it('does not begin again a connection whose beginning is replayed', async () => {
      await attach();
      const other = await mighty();
      const seen: Msg[] = [];
      other.subscribe(allUp, { callback: (_, message) => void seen.push(message) });
      await other.flush();
      const one = await agent();
      await one.stop();
      await until('it left', () => lab.manager.fleet.admin.connected() === 0);
      for (const { subject, data } of seen) other.publish(subject, data);
      await until('the replay is noticed', () => lab.manager.natsLink.counts.replayed > 0);
      expect(lab.manager.logged(/had ended came again; refused/)).toHaveLength(1);
      expect(lab.manager.fleet.admin.connected()).toBe(0);
      expect(lab.manager.engine.arrivals).toHaveLength(1);
    });
  });

  describe('while the manager is away', () => {
    it('reports of an agent that is gone by then are applied, in order and once', async () => {
      await attach();
      const streams = await (await mighty()).jetstreamManager();
      const spool = new SimSpool();
      const one = await agent({ incarnation: 'life1', spool });
      for (const id of ids(20, 'kept')) give(one, id);
      await lab.manager.engine.until('the first', () => lab.manager.engine.applied.length === 20);
      await one.link.drained(AbortSignal.timeout(30_000));
      await lab.manager.crash();
      await until('the link is down', () => !one.link.connected);
      for (const id of ids(300, 'later')) await one.link.report({ nodeEvent: { node: id, stage: 'x', at: 1 } });
      await one.link.report({ facts: { facts: '{"arch":"told-while-away"}' } });
      const last = one.outbox.last;
      const waiting = async (): Promise<number> => (await streams.streams.info('HOSTLER_REPORTS')).state.messages;
      await eventually('the broker keeps them', async () => {
        if ((await waiting()) === 0) return false;
        const { data } = await streams.streams.getMessage('HOSTLER_REPORTS', {
          last_by_subj: keptSubject(lab.identity),
        });
        return keptReportsCodec.decode(Buffer.from(data)).messages.at(-1)?.sequence === last;
      });
      await one.stop();
      await rm(join(lab.folder, 'a1', 'outbox'), { recursive: true });
      await lab.manager.up();
      await until(
        'the facts arrive',
        () => lab.manager.registry.view.reported('agent', 'a1')?.['agent.arch'] === 'told-while-away',
      );
      await eventually('the broker has nothing more', async () => (await waiting()) === 0);
      expect(lab.manager.logged(/a node event|without the role boot/).length).toBeGreaterThan(0);
      expect(lab.manager.engine.applied).toHaveLength(20);
      // The same life comes back with its numbers: nothing of it is applied twice.
      const again = await agent({ incarnation: 'life1', spool });
      await again.link.report({ facts: { facts: '{"arch":"after"}' } });
      expect(again.outbox.last).toBeGreaterThan(last);
    });

    it('says so when the broker has no room, keeps the rest in the agent, and all of it arrives once', async () => {
      await attach({ mostBytes: 1024 * 1024 }, 48 * 1024);
      const streams = await (await mighty()).jetstreamManager();
      const told: string[] = [];
      const one = await agent();
      one.onWarning = (message) => told.push(message);
      await lab.manager.crash();
      await until('the link is down', () => !one.link.connected);
      const pad = 'x'.repeat(2_000);
      for (let index = 0; index < 200; index++) {
        await one.link.report({ facts: { facts: JSON.stringify({ arch: `a${index}`, pad }) } });
      }
      await until('it is said', () =>
        told.some((message) => /does not keep reports any more: maximum bytes/.test(message)),
      );
      await lab.manager.up();
      await one.link.drained(AbortSignal.timeout(20_000));
      await until('the last', () => lab.manager.registry.view.reported('agent', 'a1')?.['agent.arch'] === 'a199');
      // There is room again.
      await lab.manager.crash();
      await until('the link is down again', () => !one.link.connected);
      await one.link.report({ facts: { facts: '{"arch":"again"}' } });
      await eventually('it is kept', async () => (await streams.streams.info('HOSTLER_REPORTS')).state.messages === 1);
      await lab.manager.up();
      // An attempt in vain to reach the broker takes ten seconds, where the machine is busy.
      const has = (): boolean => lab.manager.registry.view.reported('agent', 'a1')?.['agent.arch'] === 'again';
      await until('it arrives', has, 20_000);
    });
  });
});
