import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HostlerError } from '../../shared/errors/error.ts';
import type { FromAgent } from '../../shared/wire/generated/hostler/v1/FromAgent.ts';
import type { ToAgent__Output } from '../../shared/wire/generated/hostler/v1/ToAgent.ts';
import { enrolSim } from '../sim/agent.ts';
import { SimManager } from '../sim/manager.ts';
import { type Backend, type Wiring, grpc, memory } from './link-backends.ts';
import { leaf, nats } from './link-nats-backends.ts';

/** What the manager makes of agents that do not keep to what link.test.ts promises; over every carrier. */
describe.each([memory, grpc, nats, leaf])('an agent that is badly made, over $name', (backend: Backend) => {
  let folder: string;
  let manager: SimManager;
  let wiring: Wiring;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hostler-link-'));
    manager = await SimManager.start({ home: join(folder, 'm') });
    const token = await manager.token({ roles: ['build'] });
    const identity = await enrolSim({ home: join(folder, 'a'), manager: manager.address, token, name: 'a1' });
    wiring = await backend.wire(manager, identity, folder);
  });
  afterEach(async () => {
    await manager.stop();
    await wiring.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function raw() {
    const duplex = await wiring.carrier(new AbortController().signal);
    const incoming = duplex.incoming[Symbol.asyncIterator]();
    const next = async (): Promise<ToAgent__Output> => {
      const item = await incoming.next();
      if (item.done === true) throw new HostlerError('unavailable', 'ended');
      return item.value;
    };
    const say = (message: FromAgent): Promise<void> => duplex.send(message);
    const hello = {
      protocolLowest: 1,
      protocolHighest: 1,
      version: '0',
      incarnation: 'raw',
      facts: '{"arch":"x86_64"}',
      taskKinds: { sim: 1 },
    };
    return { duplex, next, say, hello };
  }

  it('asks for a hello first', async () => {
    const { say, next } = await raw();
    await say({ heartbeat: { at: 1 } });
    expect((await next()).refusal?.message).toContain('begins with a hello');
  });

  it('applies a repeated number once, and starts over after a gap', async () => {
    const { say, next, hello, duplex } = await raw();
    await say({ hello });
    expect((await next()).welcome?.acknowledged).toBe(0);
    await say({ sequence: 1, facts: { facts: '{"arch":"first"}' } });
    expect((await next()).acknowledged).toBe(1);
    await say({ sequence: 1, facts: { facts: '{"arch":"second"}' } });
    expect((await next()).acknowledged).toBe(1);
    expect(manager.registry.view.reported('agent', 'a1')?.['agent.arch']).toBe('first');
    await say({ sequence: 3, facts: { facts: '{"arch":"third"}' } });
    const { refusal } = await next();
    expect(refusal).toMatchObject({ code: 'data_loss', retryAfter: 1 });
    duplex.close();
  });

  it('goes on behind messages that are lost for good, and over those it does not understand', async () => {
    const { say, next, hello, duplex } = await raw();
    await say({ hello: { ...hello, keptFrom: 5 } });
    expect((await next()).welcome?.acknowledged).toBe(4);
    await say({ sequence: 5 });
    expect((await next()).acknowledged).toBe(5);
    expect(manager.logged(/messages 1 to 4 of the agent are lost/)).toHaveLength(1);
    expect(manager.logged(/nothing this manager understands/)).toHaveLength(1);
    duplex.close();
  });

  it("believes nothing about other agents' tasks and other nodes", async () => {
    const { say, next, hello, duplex } = await raw();
    await say({ hello });
    await next();
    await say({ sequence: 1, result: { id: 'not.mine', outcome: 'done', result: '{}' } });
    await say({ sequence: 2, nodeEvent: { node: 'n01', stage: 'booted', at: Date.now() } });
    while ((await next()).acknowledged < 2);
    expect(manager.engine.applied).toEqual([]);
    expect(manager.logged(/task that is not its own/)).toHaveLength(1);
    expect(manager.logged(/without the role boot/)).toHaveLength(1);
    duplex.close();
  });

  it('asks again for a piece of a log that is missing', async () => {
    const { say, next, hello, duplex } = await raw();
    await say({ hello });
    await next();
    manager.fleet.send('a1', 'raw', {
      id: 'l.1',
      kind: 'sim',
      spec: '',
      deadline: 0,
      uninterruptible: false,
      correlation: '',
      title: '',
    });
    expect((await next()).task?.id).toBe('l.1');
    await say({ log: { id: 'l.1', offset: 0, text: Buffer.from('0123') } });
    await say({ log: { id: 'l.1', offset: 8, text: Buffer.from('89') } });
    expect((await next()).welcome?.logOffsets).toEqual({ 'l.1': 4 });
    await say({ log: { id: 'l.1', offset: 2, text: Buffer.from('234567') } });
    await manager.engine.until('the log', () => manager.engine.of('l.1').logBytes === 8);
    duplex.close();
  });
});
