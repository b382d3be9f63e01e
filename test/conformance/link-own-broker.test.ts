import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type Socket, connect, createServer } from 'node:net';
import { X509Certificate } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Identity } from '../../agent/identity/identity-files.ts';
import { relayOf } from '../../agent/services/relay/index.ts';
import { leafPort } from '../../shared/broker/address.ts';
import { chosenCarrier } from '../../agent/link/choose.ts';
import { parseCall } from '../../agent/arguments.ts';
import { brokerTrustText } from '../../manager/broker/open.ts';
import { which } from '../../shared/process/which.ts';
import { SimAgent, enrolSim } from '../sim/agent.ts';
import { freeBrokerPort, freePort, startBroker } from '../sim/broker.ts';
import { until } from '../sim/engine.ts';
import { SimManager } from '../sim/manager.ts';
import { OwnBroker, ownBrokerPossible } from '../tools/own-broker.ts';

/*
 * A broker that somebody else runs: configured by hand, exactly as docs/link.md says, and in the ways that will not do.
 */

describe.skipIf(!ownBrokerPossible)('a broker of others (nats-server, openssl)', () => {
  let folder: string;
  let manager: SimManager;
  let port: number;
  let broker: OwnBroker | undefined;
  let agent: SimAgent | undefined;
  let identity: Identity;

  async function startAsWritten(
    change?: (text: string) => string,
    trusts = 'm',
    more: { leafs?: number } = {},
  ): Promise<OwnBroker> {
    const trust = await brokerTrustText(join(folder, trusts));
    const started = new OwnBroker({ folder, home: join(folder, 'm'), port, trust, ...more });
    broker = started;
    started.configure(change);
    await started.start();
    return started;
  }

  const errors = (): string[] => manager.lines.filter(({ level }) => level === 'error').map(({ message }) => message);

  /** An agent as its command line says. */
  async function startAgent(...args: string[]): Promise<SimAgent> {
    const home = join(folder, 'a1');
    const token = await manager.token({ name: 'a1' });
    const own = await enrolSim({ home, manager: manager.address, token, name: 'a1' });
    identity = own;
    const call = parseCall(['--home', home, '--manager', manager.address, ...args], {});
    if (call.what !== 'run') throw new Error('not a run');
    const options = { choice: call.options.choice, manager: manager.address, stale: () => undefined };
    agent = await SimAgent.start({ home, carrier: chosenCarrier({ ...options, identity: () => own }) });
    return agent;
  }

  const linkOf = (name: string): string | undefined => {
    const found = manager.fleet.admin.agents().find((one) => one.name === name);
    return found?.state === 'connected' ? found.link : found?.state;
  };

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hostler-own-'));
    mkdirSync(join(folder, 'm'));
    manager = await SimManager.start({ home: join(folder, 'm'), tcp: { host: '127.0.0.1', port: 0 } });
    port = await freeBrokerPort();
  });
  afterEach(async () => {
    await agent?.stop();
    agent = undefined;
    await manager.stop();
    await broker?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('configured by hand as the page says carries the link and keeps reports', async () => {
    const server = await startAsWritten();
    manager.attach([`127.0.0.1:${port}`], 1024 * 1024 * 1024);
    await until('the manager is there', () => manager.natsLink.open);
    expect(errors()).toEqual([]);
    await startAgent('--link', 'nats');
    await until('the agent is there', () => linkOf('a1') === 'nats');
    const task = { kind: 'sim', spec: '{}', deadline: 0, uninterruptible: false, correlation: '', title: '' };
    manager.fleet.send('a1', agent?.incarnation ?? '', { ...task, id: 'own.1' });
    await manager.engine.until('its end', () => manager.engine.applied.length === 1);
    // The next certificate costs nobody a connection.
    let welcomes = 0;
    if (agent !== undefined) agent.onWelcome = () => welcomes++;
    const before = await shownSerial(port, identity);
    server.configure();
    server.reload();
    await renewed(port, identity, before);
    expect([welcomes, manager.natsLink.open]).toEqual([0, true]);
    // Its administrator starts it again: everybody comes back.
    await server.stop();
    await until('the manager has noticed', () => !manager.natsLink.open);
    await server.start();
    await until('all are back', () => manager.natsLink.open && linkOf('a1') === 'nats', 30_000);
  });

  it('takes leaf nodes of relays with the lines that the page has for that, and says so without them', async () => {
    await startAsWritten();
    manager.attach([`127.0.0.1:${port}`]);
    await until('the manager is there', () => manager.natsLink.open);
    const home = join(folder, 'r1');
    const token = await manager.token({ name: 'r1', roles: ['relay'] });
    const relay = await enrolSim({ home, manager: manager.address, token, name: 'r1', roles: ['relay'] });
    const missing = /takes no account for a relay: .*needs 'resolver \{ type: full, dir: FOLDER \}'/;
    await until('it says what is missing', () => errors().some((text) => missing.test(text)));
    await broker?.stop();
    await startAsWritten(undefined, 'm', { leafs: leafPort(port) });
    const log = (): void => undefined;
    const service = await relayOf({
      home,
      roles: relay.roles,
      at: [{ host: '127.0.0.2', port: await freePort() }],
      manager: manager.address,
      identity: () => relay,
      choice: {},
      renewSoon: log,
      onRenewed: () => log,
      log: { info: log, warn: log, error: log },
    });
    try {
      const there = (): boolean => manager.logged(/at the relay's leaf node/).length > 0;
      await until('the manager reaches the leaf', there, 30_000);
    } finally {
      await service.close();
    }
  }, 60_000);

  it.each([
    ['without JetStream', /^jetstream .*$/m, '', /The broker cannot keep reports: .*It needs JetStream with \d+ bytes/],
    [
      'with too little of it',
      '2GB',
      '10MB',
      /The broker cannot keep reports: .*It needs JetStream with 1073741824 bytes/,
    ],
    [
      'with short messages',
      '1MB',
      '64KB',
      /cannot carry links: its max_payload is 65536 bytes\. Set at least 524288\./,
    ],
    [
      'without headers',
      '{ timeout: 10 }',
      '{ timeout: 10 }\nno_header_support: true',
      /it has no headers \(no_header_s/,
    ],
  ] as const)(
    '%s will not do, and the manager says what to do',
    async (_how, what, instead, sentence) => {
      const server = await startAsWritten((text) => {
        const changed = text.replace(what, instead);
        expect(changed).not.toBe(text);
        return changed;
      });
      manager.attach([`127.0.0.1:${port}`], 1024 * 1024 * 1024);
      await until('the manager says so', () => errors().some((text) => sentence.test(text)));
      // Once for each reason, however often it tries.
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      expect(errors().filter((text) => sentence.test(text))).toHaveLength(1);
      expect(manager.natsLink.open).toBe(false);
      // Once it will do it is used, without a restart of the manager.
      await server.stop();
      rmSync(join(folder, 'jetstream'), { recursive: true, force: true });
      await startAsWritten();
      await until('the manager is there', () => manager.natsLink.open, 20_000);
    },
    60_000,
  );

  it('of an older version will not do', async () => {
    await startAsWritten();
    const older = createServer((near) => {
      const far = connect(port, '127.0.0.1');
      for (const socket of [near, far] as Socket[]) socket.on('error', () => socket.destroy());
      // Its greeting comes in the clear.
      far.once('data', (text: Buffer) => {
        near.write(text.toString().replace(/"version":"[^"]+"/, '"version":"2.8.4"'));
        far.pipe(near);
        near.pipe(far);
      });
      near.on('close', () => far.destroy());
      far.on('close', () => near.destroy());
    });
    const at = await freePort();
    await new Promise<void>((resolve) => older.listen(at, '127.0.0.1', resolve));
    try {
      manager.attach([`127.0.0.1:${at}`]);
      const sentence = /it is nats-server 2\.8\.4, and 2\.9\.0 is the oldest that will do\. Upgrade it\./;
      await until('the manager says so', () => errors().some((text) => sentence.test(text)));
    } finally {
      older.close();
    }
  });

  it('that trusts another manager is told from one that is away', async () => {
    const other = await SimManager.start({ home: join(folder, 'other') });
    await startAsWritten(undefined, 'other');
    await other.stop();
    manager.attach([`127.0.0.1:${port}`]);
    const sentence = /does not accept this credential: it has expired, or the broker trusts another manager/;
    await until('the manager says so', () => errors().some((text) => sentence.test(text)));
  });

  it('is found by an agent that is told where (--nats), whatever the manager told it', async () => {
    await startAsWritten();
    const wrong = await freePort();
    manager.attach([`127.0.0.1:${port}`], undefined, [`127.0.0.1:${wrong}`]);
    await until('the manager is there', () => manager.natsLink.open);
    await startAgent('--nats', `nats://127.0.0.1:${port}`);
    await until('the agent is there', () => linkOf('a1') === 'nats');
    await agent?.stop();
    await until('it left', () => linkOf('a1') === 'away');
    // One that believes the manager tries there, and comes over gRPC after a while.
    await startAgent();
    await until('the agent is there', () => linkOf('a1') === 'grpc', 25_000);
  });
});

it.skipIf(which('nats-server') === undefined)(
  'a new certificate of the manager’s own broker is shown to who comes, and costs nobody a connection',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'hostler-renew-'));
    const manager = await SimManager.start({ home: join(folder, 'm'), tcp: { host: '127.0.0.1', port: 0 } });
    const broker = await startBroker(manager, join(folder, 'nats'));
    let agent: SimAgent | undefined;
    try {
      manager.attach([broker.address]);
      await until('the manager is there', () => manager.natsLink.open);
      const home = join(folder, 'a1');
      const token = await manager.token({ name: 'a1' });
      const identity = await enrolSim({ home, manager: manager.address, token, name: 'a1' });
      const carrier = chosenCarrier({
        choice: { link: 'nats' },
        manager: manager.address,
        identity: () => identity,
        stale: () => undefined,
      });
      let welcomes = 0;
      agent = await SimAgent.start({ home, carrier });
      agent.onWelcome = () => welcomes++;
      await until('the agent is there', () => manager.fleet.admin.connected() === 1);
      const pid = broker.pid();
      const before = await shownSerial(broker.port, identity);
      const came = welcomes;
      await broker.renew();
      const after = await renewed(broker.port, identity, before);
      expect(after).toBe(new X509Certificate(readFileSync(join(folder, 'nats/server.pem'))).serialNumber);
      const task = { kind: 'sim', spec: '{}', deadline: 0, uninterruptible: false, correlation: '', title: '' };
      manager.fleet.send('a1', agent.incarnation, { ...task, id: 'renewed.1' });
      await manager.engine.until('its end', () => manager.engine.applied.length === 1);
      expect([broker.pid(), welcomes]).toEqual([pid, came]);
    } finally {
      await agent?.stop();
      await manager.stop();
      await broker.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  },
  60_000,
);

/** Of the certificate that the broker shows now. */
async function shownSerial(port: number, identity: Identity): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'data'); // its greeting
  const { key, certificate: cert, authority: ca } = identity;
  const secured = connectTls({ socket, key, cert, ca, checkServerIdentity: () => undefined });
  await once(secured, 'secureConnect');
  const { serialNumber } = secured.getPeerCertificate();
  secured.destroy();
  return serialNumber;
}

/** The serial of the next certificate, once the broker shows it. */
async function renewed(port: number, identity: Identity, before: string): Promise<string> {
  for (let tries = 0; tries < 200; tries++) {
    const now = await shownSerial(port, identity);
    if (now !== before) return now;
  }
  throw new Error('the broker goes on with the certificate of before');
}
