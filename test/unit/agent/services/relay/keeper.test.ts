import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TLSSocket, connect, createServer as createTlsServer } from 'node:tls';
import { Metadata } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { renewIdentity } from '../../../../../agent/identity/identity.ts';
import type { Identity } from '../../../../../agent/identity/identity-files.ts';
import { chosenCarrier } from '../../../../../agent/link/choose.ts';
import { clientOptions, grpcTarget, mutualCredentials } from '../../../../../agent/link/grpc-client.ts';
import { keeperAt } from '../../../../../agent/link/keeper.ts';
import { type Relay, openRelay } from '../../../../../agent/services/relay/door.ts';
import { type Keeper, openKeeper } from '../../../../../agent/services/relay/keeper.ts';
import { serverNameIn } from '../../../../../agent/services/relay/server-name.ts';
import { keeperName, keptPath, signKept } from '../../../../../shared/identity/kept-piece.ts';
import { callUnary } from '../../../../../shared/wire/call.ts';
import { keptPieceCodec, keptReportsCodec, wire } from '../../../../../shared/wire/definitions.ts';
import type { Handed__Output } from '../../../../../shared/wire/generated/hostler/v1/Handed.ts';
import type { KeptPiece } from '../../../../../shared/wire/generated/hostler/v1/KeptPiece.ts';
import { SimAgent, enrolSim } from '../../../../sim/agent.ts';
import { until } from '../../../../sim/engine.ts';
import { SimManager } from '../../../../sim/manager.ts';

const quiet = { info: (): void => undefined, warn: (): void => undefined };

describe('what agents lay down at a relay while the manager is away', () => {
  let folder: string;
  let manager: SimManager;
  let keeper: Keeper;
  let door: Relay | undefined;
  let relay: Identity;
  let node: Identity;
  let agent: SimAgent | undefined;
  let release: () => void;

  async function openDoor(mostBytes?: number): Promise<void> {
    const most = mostBytes === undefined ? {} : { mostBytes };
    keeper = await openKeeper({
      folder: join(folder, 'kept'),
      manager: manager.address,
      identity: () => relay,
      log: quiet,
      ...most,
    });
    const at = [{ host: '127.0.0.1', port: door?.ports[0] ?? 0 }];
    door = await openRelay({ at, to: [manager.address], speaksFirst: 'agent', keeper, log: () => undefined });
  }

  async function closeDoor(): Promise<void> {
    await keeper.close();
    await door?.close();
  }

  const address = (): string => `127.0.0.1:${String(door?.ports[0])}`;
  const files = (): string[] =>
    readdirSync(join(folder, 'kept'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort();
  const lastOf = (path: string | undefined): number => Number(path?.split('-').at(-1) ?? 0);
  const applied = (): string[] => manager.engine.applied.map(({ id }) => id);

  async function enrol(name: string, role: string): Promise<Identity> {
    return enrolSim({
      home: join(folder, name),
      manager: manager.address,
      token: await manager.token({ roles: [role] }),
      name,
    });
  }

  /** Behind the relay; its tasks end when `release` is called. */
  async function startAgent(incarnation = 'one-life'): Promise<SimAgent> {
    const ended = new Promise<void>((resolve) => (release = resolve));
    const carrier = chosenCarrier({ choice: {}, manager: address(), identity: () => node, stale: () => undefined });
    const started = await SimAgent.start({
      home: join(folder, 'node'),
      carrier,
      incarnation,
      work: () => ended.then(() => ({})),
      pauses: [50, 100],
    });
    agent = started;
    await until('it is there', () => started.link.connected);
    return started;
  }

  const give = (...ids: string[]): void => {
    const task = { kind: 'sim', spec: '{}', deadline: 0, uninterruptible: false, correlation: '', title: '' };
    for (const id of ids) manager.fleet.send('node', agent?.incarnation ?? '', { ...task, id });
  };

  /** The manager is away, all tasks have ended, and the relay has every report. */
  async function layDown(): Promise<void> {
    const one = await startAgent();
    give('t.1', 't.2', 't.3');
    await until('all three run', () => one.begun.size === 3);
    await manager.crash();
    release();
    await until('all are reported', () => one.reported.size === 3);
    await until('and kept', () => lastOf(files().at(-1)) === one.outbox.last);
  }

  const hand = (who: Identity, piece: KeptPiece): Promise<Handed__Output> => {
    const client = new wire.Keeper(grpcTarget(manager.address), mutualCredentials(who), clientOptions);
    const method: Parameters<typeof callUnary<KeptPiece, Handed__Output>>[0] = client.Hand.bind(client);
    return callUnary(method, piece, new Metadata()).finally(() => client.close());
  };

  const report = (sequence: number, id: string): Buffer =>
    keptReportsCodec.encode({
      incarnation: 'one-life',
      messages: [{ sequence, result: { id, outcome: 'done', result: '{}' } }],
    });

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hostler-keeper-'));
    manager = await SimManager.start({ home: join(folder, 'm'), tcp: { host: '127.0.0.1', port: 0 } });
    relay = await enrol('relay', 'relay');
    node = await enrol('node', 'build');
    await openDoor();
  });
  afterEach(async () => {
    await agent?.stop();
    agent = undefined;
    await closeDoor();
    await manager.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('outlives the agent and a restart of the relay, and is at the manager once and in order', async () => {
    await layDown();
    for (const file of files()) expect(statSync(file).mode & 0o077).toBe(0);
    const order = [...(agent?.reported.entries() ?? [])].sort(([a], [b]) => a - b).map(([, id]) => id);
    await agent?.stop();
    await closeDoor();
    await openDoor();
    await manager.up();
    await until('they are there', () => manager.engine.applied.length === 3);
    expect(applied()).toEqual(order);
    await until('the relay has forgotten them', () => files().length === 0);
    expect(manager.kept.applied).toBeGreaterThan(0);
    expect(manager.kept.refused).toBe(0);
  });

  it('counts once when the agent comes back and sends it again', async () => {
    await layDown();
    const { length } = agent?.outbox === undefined ? [] : [...agent.reported];
    await manager.up();
    await until('the agent is back', () => agent?.link.connected === true);
    await until('all are there', () => manager.engine.applied.length === length);
    await until('the relay has forgotten them', () => files().length === 0);
    expect([...manager.engine.tasks.values()].map(({ ends }) => ends.length)).toEqual([1, 1, 1]);
  });

  it('goes before whoever comes next by the same door: an agent that begins a new life loses nothing of its last', async () => {
    await layDown();
    await agent?.stop();
    await manager.up();
    // A new life, at once: what the last one did is known by then, and not lost.
    await startAgent('another-life');
    expect(applied().sort()).toEqual(['t.1', 't.2', 't.3']);
    expect([...manager.engine.tasks.values()].flatMap(({ losses }) => losses)).toEqual([]);
  });

  it('is refused, counted and logged when somebody altered it, and what comes behind it as well', async () => {
    await layDown();
    await agent?.stop();
    await closeDoor();
    const [first = ''] = files();
    const piece = keptPieceCodec.decode(readFileSync(first));
    const reports = keptReportsCodec.decode(piece.reports);
    const altered = { ...reports, messages: reports.messages.map((one) => ({ ...one, started: null })) };
    writeFileSync(first, keptPieceCodec.encode({ ...piece, reports: keptReportsCodec.encode(altered) }));
    await openDoor();
    await manager.up();
    await until('it is refused', () => manager.kept.refused === 1 && files().length === 0);
    expect(manager.engine.applied).toHaveLength(0);
    expect(manager.logged(/refused: They are not what the agent 'node' signed: somebody altered/)).toHaveLength(1);
  });

  it('is thrown away when the disk damaged it, and holds up nobody else’s', async () => {
    await layDown();
    await agent?.stop();
    await closeDoor();
    const broken = join(folder, 'kept', 'another');
    mkdirSync(broken);
    writeFileSync(join(broken, '000000000001.a-life.1-2'), Buffer.from([0x0a, 0xff]));
    await openDoor();
    await manager.up();
    await until('all others are there', () => manager.engine.applied.length === 3 && files().length === 0);
  });

  it('cannot be made by a relay, or by anybody else, in an agent’s name', async () => {
    await startAgent();
    give('t.1');
    await until('it runs', () => agent?.outbox.last === 1);
    await agent?.link.drained(AbortSignal.timeout(10_000));
    await agent?.stop();
    await until('it is away', () => manager.fleet.admin.connected() === 0);
    const reports = report((agent?.outbox.last ?? 0) + 1, 't.1');
    const forged = { certificate: der(node), reports, signature: signKept(relay.key, node.serial, reports) };
    expect((await hand(relay, forged)).refused).toMatch(/not what the agent 'node' signed/);
    const own = { certificate: der(relay), reports, signature: signKept(relay.key, relay.serial, reports) };
    await hand(relay, own); // the relay's own word: nothing of the node's
    expect((await hand(relay, { ...forged, certificate: Buffer.from('none') })).refused).toMatch(/no certificate of/);
    const garbage = { certificate: der(node), reports: Buffer.from([0x12, 0x7f]) };
    const signed = { ...garbage, signature: signKept(node.key, node.serial, garbage.reports) };
    expect((await hand(relay, signed)).refused).toMatch(/cannot be read/);
    expect(manager.engine.applied).toHaveLength(0);
    const genuine = { certificate: der(node), reports, signature: signKept(node.key, node.serial, reports) };
    await expect(hand(node, genuine)).rejects.toThrow(/has not the role relay/);
    expect(await hand(relay, genuine)).toEqual({ later: false, refused: '' });
    expect(await hand(relay, genuine)).toEqual({ later: false, refused: '' });
    expect(manager.engine.tasks.get('t.1')?.ends).toHaveLength(1);
    await enrol('node', 'build').catch(() => undefined);
    await manager.fleet.admin.revoke('node');
    expect((await hand(relay, genuine)).refused).toMatch(/revoked or replaced/);
  });

  it('is refused when there is no room; the agent says so, keeps its own, and all of it arrives once', async () => {
    await closeDoor();
    await openDoor(4096);
    const one = await startAgent();
    const said: string[] = [];
    one.onWarning = (message) => said.push(message);
    give('t.1', 't.2');
    await until('both run', () => one.begun.size === 2);
    await manager.crash();
    // One piece is a block of the disk; the second one has no room.
    await one.link.report({ nodeEvent: { node: 'n', stage: 'kernel' } });
    await until('the first is kept', () => files().length === 1);
    release();
    await until('it says so', () =>
      said.some((text) => /The relay keeps no more reports \(4096 bytes wait/.test(text)),
    );
    await manager.up();
    await until('all are there', () => manager.engine.applied.length === 2, 20_000);
    expect([...manager.engine.tasks.values()].map(({ ends }) => ends.length)).toEqual([1, 1]);
  });

  it('needs a certificate of the same authority, and is signed by who brings it', async () => {
    await expect(keeperAt(address(), () => node).canKeep()).resolves.toBe(true);
    const other = await SimManager.start({ home: join(folder, 'other'), tcp: { host: '127.0.0.1', port: 0 } });
    const token = await other.token({ roles: ['build'] });
    const stranger = await enrolSim({ home: join(folder, 's'), manager: other.address, token, name: 'node' });
    await other.stop();
    await expect(keeperAt(address(), () => ({ ...stranger, authority: node.authority })).canKeep()).resolves.toBe(
      false,
    );
    const liar = keeperAt(address(), () => ({ ...node, serial: 'abc' }));
    await expect(liar.keep('one-life', [{ sequence: 1 }])).rejects.toThrow(/not signed by the agent that brings them/);
    const holes = keeperAt(address(), () => node).keep('one-life', [{ sequence: 1 }, { sequence: 3 }]);
    await expect(holes).rejects.toThrow(/not numbered in a row/);
    await expect(keeperAt(address(), () => node).keep('../up', [{ sequence: 1 }])).rejects.toThrow(/no life/);
    expect(files()).toEqual([]);
  });

  it('one certificate holds a few connections at a time, however many are opened with it', async () => {
    const options = { host: '127.0.0.1', port: door?.ports[0] ?? 0, servername: keeperName };
    const open = async ({ key, certificate, authority }: Identity): Promise<TLSSocket> => {
      const tls = { ...options, key, cert: certificate, ca: authority, checkServerIdentity: () => undefined };
      const socket = connect(tls);
      socket.on('error', () => undefined);
      await once(socket, 'secureConnect');
      // Else its end is not noticed.
      socket.resume();
      return socket;
    };
    const other = await open(await enrol('other', 'build'));
    const many: TLSSocket[] = [];
    for (let count = 0; count < 20; count++) many.push(await open(node));
    const left = (): number => many.filter((socket) => !socket.closed).length;
    await until('the oldest were ended', () => left() === 4);
    expect(many.slice(-4).every((socket) => !socket.closed)).toBe(true);
    expect(other.closed).toBe(false);
    await expect(keeperAt(address(), () => node).canKeep()).resolves.toBe(true);
    for (const socket of [...many, other]) socket.destroy();
  });

  it('an agent that joined by the relay is shown with it; one that did not is not', async () => {
    const behind = { home: join(folder, 'b'), manager: address(), token: await manager.token(), name: 'behind' };
    const one = await enrolSim(behind);
    const direct = await enrol('direct', 'build');
    const shown = (): Record<string, string | undefined> =>
      Object.fromEntries(manager.fleet.admin.agents().map(({ name = '', relay: by }) => [name, by]));
    expect(shown()).toMatchObject({ behind: relay.name, direct: '' });
    // The next certificate is asked for at the manager itself.
    const at = { home: join(folder, 'b'), manager: manager.address };
    await renewIdentity(one, at, AbortSignal.timeout(20_000));
    expect(shown()).toMatchObject({ behind: '' });
    await renewIdentity(direct, { home: join(folder, 'direct'), manager: address() }, AbortSignal.timeout(20_000));
    expect(shown()).toMatchObject({ direct: relay.name });
  });

  it('is kept by relays alone: where the manager itself answers nobody asks twice', async () => {
    // As an older relay does: everything is handed through.
    const at = [{ host: '127.0.0.1', port: 0 }];
    const through = await openRelay({ at, to: [manager.address], speaksFirst: 'agent', log: () => undefined });
    const port = through.ports[0] ?? 0;
    const direct = keeperAt(`127.0.0.1:${port}`, () => node);
    expect(await direct.canKeep()).toBe(false);
    await through.close();
    let knocks = 0;
    const counting = createServer((socket) => {
      knocks++;
      socket.destroy();
    });
    await new Promise<void>((resolve) => counting.listen(port, '127.0.0.1', resolve));
    expect(await direct.canKeep()).toBe(false);
    counting.close();
    expect(knocks).toBe(0);
    await expect(keeperAt('unix:/nowhere', () => node).canKeep()).resolves.toBe(false);
  });

  it('a relay that answers and breaks off in the middle harms no agent', async () => {
    const rude = createTlsServer({ key: relay.key, cert: relay.certificate, ca: relay.authority }, (socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => {
        socket.write('HTTP/1.1 507 Insufficient Storage\r\nContent-Length: 100\r\n\r\nhalf', () => {
          setTimeout(() => socket.destroy(), 20);
        });
      });
    });
    await new Promise<void>((resolve) => rude.listen(0, '127.0.0.1', resolve));
    const bound = rude.address();
    const asking = keeperAt(`127.0.0.1:${String(typeof bound === 'object' ? bound?.port : 0)}`, () => node);
    expect(await asking.canKeep()).toBe(false);
    await expect(asking.keep('one-life', [{ sequence: 1 }])).rejects.toThrow();
    rude.close();
  });

  it('other requests are told what is taken', async () => {
    const tls = { key: node.key, cert: node.certificate, ca: node.authority, servername: keeperName };
    const socket = connect({
      ...tls,
      host: '127.0.0.1',
      port: door?.ports[0] ?? 0,
      checkServerIdentity: () => undefined,
    });
    let heard = '';
    socket.on('data', (text: Buffer) => (heard += text.toString()));
    socket.write('GET /etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n');
    await until('the answer', () => heard.includes(`takes POST ${keptPath}`));
    expect(heard).toMatch(/^HTTP\/1.1 400 /);
    socket.destroy();
  });
});

function der({ certificate }: Identity): Buffer {
  return Buffer.from(certificate.replace(/-----[^-]+-----|\s/g, ''), 'base64');
}

describe('the name that a TLS client asks for', () => {
  async function helloFor(servername: string): Promise<Buffer> {
    const pieces: Buffer[] = [];
    const server = createServer((socket) => socket.on('data', (bytes) => pieces.push(bytes)));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const bound = server.address();
    const port = typeof bound === 'object' ? (bound?.port ?? 0) : 0;
    const client = connect({ host: '127.0.0.1', port, servername, rejectUnauthorized: false });
    client.on('error', () => undefined);
    await until('the hello is whole', () => pieces.length > 0 && serverNameIn(Buffer.concat(pieces)).isWhole);
    client.destroy();
    server.close();
    return Buffer.concat(pieces);
  }

  it('is found however the bytes come, and nothing is found in others', async () => {
    const hello = await helloFor(keeperName);
    const name = (bytes: Buffer): string | undefined => {
      const asked = serverNameIn(bytes);
      return asked.isWhole ? (asked.name ?? 'none') : undefined;
    };
    expect(name(hello)).toBe(keeperName);
    for (let length = 0; length < hello.length; length++) expect(name(hello.subarray(0, length))).toBeUndefined();
    expect(name(await helloFor('hostler-manager'))).toBe('hostler-manager');
    expect(name(await helloFor(''))).toBe('none');
    expect(name(Buffer.from('GET / HTTP/1.1'))).toBe('none');
    expect(name(Buffer.from([0x16, 3, 1, 255, 255, 1]))).toBe('none');
    expect(name(Buffer.from([0x16, 3, 1, 0, 4, 1, 2, 3, 4]))).toBe('none');
    for (let at = 5; at < hello.length; at++) {
      const odd = Buffer.from(hello);
      odd[at] = 255;
      expect(() => serverNameIn(odd)).not.toThrow();
    }
  });
});
