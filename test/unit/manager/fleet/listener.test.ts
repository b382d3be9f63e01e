import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { type Socket, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { Metadata, credentials } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { anonymousCredentials, clientOptions } from '../../../../agent/link/grpc-client.ts';
import { Authority } from '../../../../manager/fleet/authority/authority.ts';
import { type Listening, openListener } from '../../../../manager/fleet/listener.ts';
import { openGrpcLink } from '../../../../manager/fleet/links/grpc.ts';
import type { FleetRoom } from '../../../../manager/fleet/fleet.ts';
import { HostlerError } from '../../../../shared/errors/error.ts';
import { callUnary } from '../../../../shared/wire/call.ts';
import { wire } from '../../../../shared/wire/definitions.ts';
import type { ToAgent__Output } from '../../../../shared/wire/generated/hostler/v1/ToAgent.ts';
import { until } from '../../../sim/engine.ts';
import { type LogLine, collectLog } from '../../../sim/manager.ts';

describe('listener', () => {
  let folder: string;
  let listening: Listening;
  let authority: Authority;
  let lines: LogLine[];
  let plain: Socket[];
  let closeLink: () => void;
  let socketPath: string;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hostler-listener-'));
    authority = await Authority.open(join(folder, 'authority'));
    lines = [];
    plain = [];
    const log = collectLog(lines);
    const refuse = (): never => {
      throw new HostlerError('unauthenticated', 'not here');
    };
    const enrolment = { join: refuse, boot: refuse, renew: refuse } as unknown as FleetRoom['enrolment'];
    const link = openGrpcLink({ serve: async () => undefined, kept: async () => true, enrolment, authority }, log);
    closeLink = () => link.close();
    socketPath = join(folder, 'm.sock');
    listening = await openListener(
      { socketPath, tcp: { host: '127.0.0.1', port: 0 } },
      {
        identity: () => authority.issueManager(),
        onTls: (socket) => link.accept(socket),
        onPlain: (socket) => plain.push(socket),
        log,
      },
    );
  });
  afterEach(async () => {
    await listening.close();
    closeLink();
    rmSync(folder, { recursive: true, force: true });
  });

  const port = (): number => listening.port ?? 0;
  const address = (): string => `127.0.0.1:${port()}`;

  /** What the server says to these bytes until it hangs up. */
  function say(to: { path: string } | { port: number }, bytes: Buffer): Promise<Buffer> {
    return new Promise((resolve) => {
      const heard: Buffer[] = [];
      const socket = connect(to, () => socket.write(bytes));
      socket.on('data', (data) => heard.push(data));
      socket.on('error', () => undefined);
      socket.on('close', () => resolve(Buffer.concat(heard)));
    });
  }

  it('hands plain connections on the Unix socket on, with their first bytes', async () => {
    const socket = connect(socketPath);
    socket.write('PRI * HTTP/2.0');
    await until('the connection', () => plain.length === 1);
    let text = '';
    plain[0]?.on('data', (data: Buffer) => (text += data.toString()));
    await until('all of it', () => text.length === 14);
    expect(text).toBe('PRI * HTTP/2.0');
    socket.destroy();
  });

  it('hangs up on plain text over TCP', async () => {
    expect(await say({ port: port() }, Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'))).toHaveLength(0);
    expect(plain).toEqual([]);
  });

  it('survives garbage, half handshakes and connections that say nothing', async () => {
    for (let round = 0; round < 20; round++) {
      await say({ port: port() }, randomBytes(200));
      await say({ port: port() }, Buffer.concat([Buffer.from([0x16, 3, 1, 0, 64]), randomBytes(300)]));
    }
    const silent = connect(port());
    const hasty = connect(port());
    for (const socket of [silent, hasty]) socket.on('error', () => undefined);
    hasty.on('connect', () => hasty.write(Buffer.from([0x16]), () => hasty.destroy()));
    await until('it is gone', () => hasty.destroyed);
    await expect(handshake({})).resolves.toBe('h2');
    silent.destroy();
  });

  function handshake(options: ConnectionOptions): Promise<string | false | null> {
    return new Promise((resolve, reject) => {
      const socket = connectTls(
        {
          port: port(),
          host: '127.0.0.1',
          ca: authority.certificate,
          servername: 'hostler-manager',
          ALPNProtocols: ['h2'],
          ...options,
        },
        () => {
          resolve(socket.alpnProtocol);
          socket.destroy();
        },
      );
      socket.on('error', reject);
    });
  }

  it('speaks TLS 1.2 and 1.3, nothing older', async () => {
    await expect(handshake({ maxVersion: 'TLSv1.2' })).resolves.toBe('h2');
    await expect(handshake({ minVersion: 'TLSv1.3' })).resolves.toBe('h2');
    await expect(handshake({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1' })).rejects.toThrow();
  });

  it('shows the certificate of the manager by its name', async () => {
    await expect(handshake({})).resolves.toBe('h2');
    await expect(handshake({ checkServerIdentity: () => new Error('asked') })).rejects.toThrow('asked');
  });

  it('refuses a link without a certificate, and says what to do', async () => {
    const client = new wire.Link(address(), anonymousCredentials(authority.certificate), clientOptions);
    const call = client.Connect();
    call.write({ heartbeat: { at: 1 } });
    const answer = await new Promise<ToAgent__Output>((resolve, reject) => {
      call.on('data', resolve);
      call.on('error', reject);
    });
    expect(answer.refusal).toMatchObject({ code: 'unauthenticated', retryAfter: 0 });
    client.close();
  });

  it('refuses commands over TLS with a clear sentence', async () => {
    const client = new wire.Api(address(), anonymousCredentials(authority.certificate), clientOptions);
    const asking = callUnary(client.Status.bind(client), {}, new Metadata(), { deadline: Date.now() + 5000 });
    await expect(asking).rejects.toMatchObject({
      code: 'unimplemented',
      message: expect.stringContaining('socket') as string,
    });
    client.close();
  });

  it('answers enrolment errors as they are', async () => {
    const client = new wire.Enrolment(address(), anonymousCredentials(authority.certificate), clientOptions);
    const asking = callUnary(client.Join.bind(client), { token: 'x' }, new Metadata(), { deadline: Date.now() + 5000 });
    await expect(asking).rejects.toMatchObject({ code: 'unauthenticated', message: 'not here' });
    client.close();
  });

  it('does not serve gRPC without TLS over TCP', async () => {
    const client = new wire.Enrolment(address(), credentials.createInsecure(), { 'grpc.enable_http_proxy': 0 });
    await expect(
      callUnary(client.Join.bind(client), {}, new Metadata(), { deadline: Date.now() + 5000 }),
    ).rejects.toMatchObject({ code: 'unavailable' });
    client.close();
  });

  it('takes the place of a socket that was left over, and explains a path that is too long and a port that is taken', async () => {
    const deps = {
      identity: () => authority.issueManager(),
      onTls: () => undefined,
      onPlain: () => undefined,
      log: collectLog([]),
    };
    const second = await openListener({ socketPath }, deps);
    await second.close();
    await expect(openListener({ socketPath: join(folder, 'x'.repeat(120)) }, deps)).rejects.toMatchObject({
      code: 'invalid_argument',
    });
    await expect(openListener({ tcp: { host: '127.0.0.1', port: port() } }, deps)).rejects.toMatchObject({
      code: 'unavailable',
    });
  });
});
