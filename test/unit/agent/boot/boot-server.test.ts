import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { claimToken, fetchAuthority } from '../../../../agent/boot/boot-server.ts';
import type { BootWords } from '../../../../agent/boot/kernel-words.ts';
import { persist } from '../../../../agent/boot/retry.ts';
import { HostlerError } from '../../../../shared/errors/error.ts';
import { createTestAuthority } from '../../../lab/pki.ts';
import type { IssueOptions, TestAuthority } from '../../../lab/pki.ts';

let authority: TestAuthority;
let stranger: TestAuthority;
const servers: Server[] = [];
const signal = new AbortController().signal;
const claim = { mac: '52:54:00:00:00:01', bootId: '0d9a3a2e-8c0e-4a53-9b43-0a9e3b5b6c11' };
const reply = { node: 'n01', token: 'a.b', manager: '10.0.0.1:7788' };

beforeAll(async () => {
  authority = await createTestAuthority();
  stranger = await createTestAuthority();
});
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function listen(server: Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

async function words(
  plain: RequestListener,
  secure: RequestListener,
  who: IssueOptions = { roles: ['boot'] },
  of = authority,
): Promise<BootWords> {
  const identity = await of.issue('boot1', who);
  const tls = { key: identity.key, cert: identity.certificate };
  return {
    server: `http://127.0.0.1:${await listen(createServer(plain))}`,
    secure: `https://127.0.0.1:${await listen(createSecureServer(tls, secure))}`,
    authority: authority.fingerprint,
    node: 'n01',
  };
}

const none: RequestListener = (_request, response) => response.writeHead(404).end();
const answer =
  (status: number, text: string): RequestListener =>
  (request, response) => {
    request.resume().on('end', () => response.writeHead(status).end(text));
  };

test('the authority is believed by its fingerprint alone', async () => {
  const good = await words(answer(200, authority.pem), none);
  expect(await fetchAuthority(good, signal)).toBe(authority.pem);
  const other = await words(answer(200, stranger.pem), none);
  await expect(fetchAuthority(other, signal)).rejects.toMatchObject({ code: 'unauthenticated' });
  const garbage = await words(answer(200, 'not a certificate'), none);
  await expect(fetchAuthority(garbage, signal)).rejects.toMatchObject({ code: 'unauthenticated' });
  const endless = await words((_request, response) => response.end('x'.repeat(200_000)), none);
  await expect(fetchAuthority(endless, signal)).rejects.toMatchObject({ code: 'unavailable' });
  await expect(fetchAuthority({ ...good, server: 'http://127.0.0.1:1' }, signal)).rejects.toMatchObject({
    code: 'unavailable',
  });
});

test('a token is claimed from a boot server', async () => {
  const asked: string[] = [];
  const served = await words(none, (request, response) => {
    request.on('data', (text: Buffer) => asked.push(text.toString()));
    request.on('end', () => response.end(JSON.stringify(reply)));
  });
  expect(await claimToken(served, authority.pem, claim, signal)).toEqual(reply);
  expect(JSON.parse(asked.join(''))).toEqual(claim);
});

test('whoever is not a boot server of this authority is told nothing', async () => {
  let heard = 0;
  const hear: RequestListener = (_request, response) => {
    heard += 1;
    response.end(JSON.stringify(reply));
  };
  const node = await words(none, hear, { kind: 'node', roles: ['node'] });
  const builder = await words(none, hear, { roles: ['build'] });
  const foreign = await words(none, hear, { roles: ['boot'] }, stranger);
  for (const one of [node, builder, foreign])
    await expect(claimToken(one, authority.pem, claim, signal)).rejects.toThrow(HostlerError);
  expect(heard).toBe(0);
});

test('a service node that booted from the network is a boot server like any other', async () => {
  const served = await words(none, (_request, response) => response.end(JSON.stringify(reply)), {
    kind: 'node',
    roles: ['boot', 'store', 'node'],
  });
  expect(await claimToken(served, authority.pem, claim, signal)).toEqual(reply);
});

test('a refusal says why; nonsense is no token', async () => {
  const refused = await words(none, answer(403, 'no node has this MAC\x1b[2J\n'));
  await expect(claimToken(refused, authority.pem, claim, signal)).rejects.toMatchObject({
    code: 'permission_denied',
    message: 'The boot server refuses this machine (52:54:00:00:00:01): no node has this MAC\\x1b[2J',
  });
  for (const text of ['', '{}', 'null', '{"node":1,"token":"","manager":""}']) {
    const odd = await words(none, answer(200, text));
    await expect(claimToken(odd, authority.pem, claim, signal)).rejects.toMatchObject({ code: 'unavailable' });
  }
  const busy = await words(none, answer(503, 'later'));
  await expect(claimToken(busy, authority.pem, claim, signal)).rejects.toMatchObject({ code: 'unavailable' });
});

test('a machine that boots tries until it works, and says each reason once', async () => {
  const said: string[] = [];
  let tries = 0;
  const act = async (): Promise<string> => {
    tries += 1;
    if (tries < 3) throw new HostlerError('unavailable', 'Nobody is there.');
    return 'token';
  };
  expect(await persist(act, (line) => said.push(line), signal, 10)).toBe('token');
  expect(said).toEqual(['Nobody is there. Trying again.']);
  const stop = new AbortController();
  const waiting = persist(
    () => Promise.reject(new Error('no')),
    () => stop.abort(),
    stop.signal,
  );
  await expect(waiting).rejects.toThrow();
});
