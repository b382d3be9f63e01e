import { createServer, connect, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Identity } from '../../../../../agent/identity/identity-files.ts';
import { type Relay, openRelay } from '../../../../../agent/services/relay/door.ts';
import { relayOf } from '../../../../../agent/services/relay/index.ts';

const hello = Buffer.from([0x16, 3, 1, 0, 4, 1, 2, 3, 4]);

describe('the relay hands through what begins as TLS', () => {
  let manager: Server;
  let relay: Relay;
  const came: Socket[] = [];

  beforeEach(async () => {
    manager = createServer({ allowHalfOpen: true }, (socket) => came.push(socket.on('error', () => undefined)));
    manager.listen(0, '127.0.0.1');
    await once(manager, 'listening');
    const address = manager.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const at = [{ host: '127.0.0.1', port: 0 }];
    relay = await openRelay({ at, to: [`127.0.0.1:${String(port)}`], speaksFirst: 'agent', log: () => undefined });
  });
  afterEach(async () => {
    await relay.close();
    for (const socket of came.splice(0)) socket.destroy();
    manager.close();
  });

  const knock = (): Socket => connect(relay.ports[0] ?? 0, '127.0.0.1').on('error', () => undefined);

  it('byte for byte, both ways, and the end of one direction as an end', async () => {
    const agent = knock();
    agent.write(hello);
    await expect.poll(() => came.length).toBe(1);
    const heard: Buffer[] = [];
    const ended = new Promise((resolve) => came[0]?.on('data', (bytes) => heard.push(bytes)).on('end', resolve));
    agent.end('and more');
    await ended;
    expect(Buffer.concat(heard)).toEqual(Buffer.concat([hello, Buffer.from('and more')]));
    came[0]?.end('the answer');
    const [answer] = (await once(agent, 'data')) as [Buffer];
    expect(answer.toString()).toBe('the answer');
    await expect.poll(() => relay.open()).toBe(0);
  });

  it('after what the relay itself keeps for the manager was tried', async () => {
    let go = (): void => undefined;
    const now = (): Promise<void> => new Promise((resolve) => (go = resolve));
    const address = manager.address();
    const to = [`127.0.0.1:${String(typeof address === 'object' ? address?.port : 0)}`];
    const keeper = { enter: (socket: Socket) => socket.destroy(), now };
    const at = [{ host: '127.0.0.1', port: 0 }];
    const keeping = await openRelay({ at, to, speaksFirst: 'agent', keeper, log: () => undefined });
    const agent = connect(keeping.ports[0] ?? 0, '127.0.0.1').on('error', () => undefined);
    agent.write(hello);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(came).toHaveLength(0);
    go();
    await expect.poll(() => came.length).toBe(1);
    await keeping.close();
  });

  it('where somebody may come in, and nowhere else; the log says once where', async () => {
    const address = manager.address();
    const to = [`127.0.0.1:${String(typeof address === 'object' ? address?.port : 0)}`];
    const said: string[] = [];
    const mayEnter = (where: string): boolean => where === '127.0.0.1';
    const at = [{ host: '0.0.0.0', port: 0 }];
    const shut = await openRelay({ at, to, speaksFirst: 'agent', mayEnter, log: (line) => said.push(line) });
    const come = (host: string): Socket => connect(shut.ports[0] ?? 0, host).on('error', () => undefined);
    for (let number = 0; number < 2; number += 1) {
      const stranger = come('127.0.0.2');
      stranger.write(hello);
      await once(stranger, 'close');
    }
    expect(came).toHaveLength(0);
    expect(said.filter((line) => line.includes('nobody is let in at 127.0.0.2'))).toHaveLength(1);
    come('127.0.0.1').write(hello);
    await expect.poll(() => came.length).toBe(1);
    await shut.close();
  });

  it('anything else ends at the relay', async () => {
    const stranger = knock();
    stranger.write('GET / HTTP/1.1\r\n\r\n');
    await once(stranger, 'close');
    expect(came).toHaveLength(0);
    expect(relay.open()).toBe(0);
  });

  it('when one side breaks the other hears of it', async () => {
    const agent = knock();
    agent.write(hello);
    await expect.poll(() => came.length).toBe(1);
    came[0]?.resetAndDestroy();
    await once(agent, 'close');
    expect(relay.open()).toBe(0);
  });

  it('a manager that does not answer costs the agent its connection, and nothing more', async () => {
    for (const socket of came.splice(0)) socket.destroy();
    manager.close();
    const agent = knock();
    agent.write(hello);
    await once(agent, 'close');
    expect(relay.open()).toBe(0);
  });
});

it('a broker greets first: the relay does not wait for the agent', async () => {
  const broker = createServer((socket) => socket.on('error', () => undefined).write('INFO {}'));
  broker.listen(0, '127.0.0.1');
  await once(broker, 'listening');
  const address = broker.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const to = [`127.0.0.1:${String(port)}`];
  const at = [{ host: '127.0.0.1', port: 0 }];
  const relay = await openRelay({ at, to, speaksFirst: 'server', log: () => undefined });
  const [greeting] = (await once(connect(relay.ports[0] ?? 0, '127.0.0.1'), 'data')) as [Buffer];
  expect(greeting.toString()).toBe('INFO {}');
  await relay.close();
  broker.close();
});

describe('an agent is a relay', () => {
  const said: string[] = [];
  const log = {
    info: (_: object, line: string) => said.push(line),
    warn: (_: object, line: string) => said.push(line),
    error: (_: object, line: string) => said.push(line),
  };

  const plain = {
    home: mkdtempSync(join(tmpdir(), 'hostler-relay-')),
    identity: () => ({}) as Identity,
    choice: {},
    renewSoon: () => undefined,
    onRenewed: () => () => undefined,
  };
  afterAll(() => rmSync(plain.home, { recursive: true, force: true }));

  it('only when its certificate says so and it was told where', async () => {
    const at = [{ host: '127.0.0.1', port: 0 }];
    await (await relayOf({ roles: ['build'], at, manager: '127.0.0.1:1', ...plain, log })).close();
    expect(said.splice(0).join()).toMatch(/does not grant the role relay/);
    await (await relayOf({ roles: ['relay'], at: [], manager: '127.0.0.1:1', ...plain, log })).close();
    expect(said.splice(0).join()).toMatch(/--relay HOST:PORT does not say/);
    await (await relayOf({ roles: ['relay'], at, manager: '127.0.0.1:1', ...plain, log })).close();
    expect(said.splice(0).join()).toMatch(/carries links to 127\.0\.0\.1:1/);
  });
});
