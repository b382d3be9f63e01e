import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HostlerError } from '../../../../shared/errors/error.ts';
import { Framed, frameWindow } from '../../../../shared/session/framed.ts';
import { longestMessage } from '../../../../shared/session/limits.ts';
import { undecodable } from '../../../../shared/session/undecodable.ts';
import { frameCodec, fromAgentCodec, toAgentCodec } from '../../../../shared/wire/definitions.ts';
import type { FromAgent, FromAgent__Output } from '../../../../shared/wire/generated/hostler/v1/FromAgent.ts';
import type { ToAgent, ToAgent__Output } from '../../../../shared/wire/generated/hostler/v1/ToAgent.ts';

type Agent = Framed<ToAgent__Output, FromAgent>;
type Manager = Framed<FromAgent__Output, ToAgent>;

/** Two ends; what each puts is handed to `up` and `down`, which decide what becomes of it. */
function pair(up: (frame: Buffer, manager: Manager) => void, down?: (frame: Buffer, agent: Agent) => void) {
  const ended = { agent: false, manager: false, again: 0 };
  const manager: Manager = new Framed<FromAgent__Output, ToAgent>({
    out: toAgentCodec,
    into: fromAgentCodec,
    undecodable,
    put: (frame) => (down === undefined ? agent.receive(frameCodec.decode(frame)) : down(frame, agent)),
    closed: () => (ended.manager = true),
    again: () => ended.again++,
  });
  const agent: Agent = new Framed<ToAgent__Output, FromAgent>({
    out: fromAgentCodec,
    into: toAgentCodec,
    via: 'SERVER/7',
    put: (frame) => up(frame, manager),
    closed: () => (ended.agent = true),
  });
  return { agent, manager, ended };
}

const straight = (frame: Buffer, manager: Manager): void => manager.receive(frameCodec.decode(frame));
const message = (offset: number, bytes = 1): FromAgent => ({
  log: { id: 'x', offset, text: Buffer.alloc(bytes, offset) },
});

async function readAll(end: Manager): Promise<{ offsets: number[]; error: HostlerError | undefined }> {
  const offsets: number[] = [];
  try {
    for await (const { log } of end.incoming) offsets.push(log?.offset ?? -1);
  } catch (thrown) {
    return { offsets, error: HostlerError.from(thrown) };
  }
  return { offsets, error: undefined };
}

describe('a connection of numbered frames', () => {
  it('carries messages of every length, empty ones too, and says goodbye after them', async () => {
    const { agent, manager, ended } = pair(straight);
    const sizes = [0, 1, 256 * 1024 - 20, 256 * 1024, 256 * 1024 + 1, 3 * 1024 * 1024];
    const reading = readAll(manager);
    for (const [index, size] of sizes.entries()) void agent.send(message(index + 1, size));
    await agent.send({});
    agent.close();
    expect(await reading).toEqual({ offsets: [1, 2, 3, 4, 5, 6, -1], error: undefined });
    expect(ended).toMatchObject({ agent: true, manager: true });
    await expect(agent.send({})).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('never shows a message that was not sent, twice, or out of order, whatever the carrier does', async () => {
    const fate = fc.record({ copies: fc.integer({ min: 0, max: 2 }), later: fc.integer({ min: 0, max: 3 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(fate, { minLength: 1, maxLength: 30 }), async (fates) => {
        const held: { readonly at: number; readonly frame: Buffer }[] = [];
        let at = 0;
        const { agent, manager } = pair((frame) => {
          const { copies, later } = fates[at % fates.length] ?? { copies: 1, later: 0 };
          for (let copy = 0; copy < copies; copy++) held.push({ at: at + later + copy, frame });
          at++;
        });
        for (let index = 1; index <= fates.length; index++) void agent.send(message(index)).catch(() => undefined);
        held.sort((a, b) => a.at - b.at);
        for (const { frame } of held) manager.receive(frameCodec.decode(frame));
        manager.break(new HostlerError('unavailable', 'over'));
        const { offsets, error } = await readAll(manager);
        expect(offsets).toEqual(offsets.map((_, index) => index + 1));
        expect(error).toBeDefined();
        if (offsets.length < fates.length) expect(['data_loss', 'unavailable']).toContain(error?.code);
      }),
      { numRuns: 200 },
    );
  });

  it('names its broker connection in the first frame, and counts what comes again', async () => {
    const frames: Buffer[] = [];
    const { agent, manager, ended } = pair((frame, to) => {
      frames.push(frame);
      straight(frame, to);
      straight(frame, to);
    });
    await agent.send(message(1));
    await agent.send(message(2));
    expect(frames.map((frame) => frameCodec.decode(frame).via)).toEqual(['SERVER/7', '']);
    expect(ended.again).toBe(2);
    manager.break(new HostlerError('unavailable', 'over'));
    expect((await readAll(manager)).offsets).toEqual([1, 2]);
  });

  it('stops a sender whose messages nobody reads after one window', async () => {
    const { agent, manager } = pair(straight);
    let sent = 0;
    for (let index = 0; index < 100; index++) void agent.send(message(index, 64 * 1024)).then(() => sent++);
    await new Promise((resolve) => setImmediate(resolve));
    expect(sent).toBeGreaterThan(frameWindow / (64 * 1024) - 2);
    expect(sent).toBeLessThan(frameWindow / (64 * 1024) + 2);
    let read = 0;
    for await (const { log } of manager.incoming) {
      expect(log?.offset).toBe(read++);
      if (read === 100) break;
    }
  });

  it('tells the other side why it ended', async () => {
    const { agent, manager } = pair(straight);
    await agent.send(message(1));
    agent.close(new HostlerError('failed_precondition', 'enough of it'));
    expect(await readAll(manager)).toMatchObject({
      offsets: [1],
      error: { code: 'failed_precondition', message: 'enough of it' },
    });
  });

  it('refuses messages that grow over the bound, and bytes that are no message', async () => {
    const { agent, manager } = pair(straight);
    await expect(agent.send(message(1, longestMessage + 1))).rejects.toMatchObject({ code: 'resource_exhausted' });
    for (let number = 1; number <= 9; number++) {
      const frame = frameCodec.encode({ number, piece: Buffer.alloc(longestMessage / 8), more: true });
      manager.receive(frameCodec.decode(frame));
    }
    expect((await readAll(manager)).error).toMatchObject({ code: 'resource_exhausted' });
    const second = pair(straight);
    second.manager.receive(frameCodec.decode(frameCodec.encode({ number: 1, piece: Buffer.from('ffff', 'hex') })));
    for await (const came of second.manager.incoming) {
      expect(came).toBe(undecodable);
      break;
    }
  });

  it('does not wait for ever with its goodbye to somebody who does not read', async () => {
    const { agent, ended } = pair(() => undefined);
    for (let index = 0; index < 100; index++) agent.send(message(index, 64 * 1024)).catch(() => undefined);
    agent.close();
    expect(ended.agent).toBe(false);
    agent.break(new HostlerError('unavailable', 'the carrier is gone'));
    expect(ended.agent).toBe(true);
  });
});
