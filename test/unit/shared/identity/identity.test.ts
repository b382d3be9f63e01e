import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { type Server, createServer, request } from 'node:https';
import { TLSSocket } from 'node:tls';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Authority } from '../../../../manager/fleet/authority/authority.ts';
import { parseBootToken, signBootToken } from '../../../../shared/identity/boot-token.ts';
import { commonName, peerIdentity } from '../../../../shared/identity/certificate.ts';
import { proveKey, provenKey } from '../../../../shared/identity/key-proof.ts';
import { isAgentName, normalSerial } from '../../../../shared/identity/names.ts';
import { type TlsIdentity, serverTlsOptionsFor, tlsOptionsFor } from '../../../../shared/identity/tls.ts';

describe('names', () => {
  it.each(['n01', 'sn-1.cluster.example', 'A_b', 'x'.repeat(63)])('%j is an agent', (name) =>
    expect(isAgentName(name)).toBe(true),
  );
  it.each(['', '-a', '.a', 'a/b', 'a b', 'a\nb', 'ä', 'x'.repeat(64), 'hostler-manager'])('%j is none', (name) =>
    expect(isAgentName(name)).toBe(false),
  );
  it('serials have one form', () => {
    expect([normalSerial('00AF'), normalSerial('af'), normalSerial('00')]).toEqual(['af', 'af', '0']);
  });
});

describe('key proof', () => {
  it('holds for what it is about and nothing else', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const proof = proveKey(privateKey, 'token');
    expect(provenKey(proof, 'token').asymmetricKeyType).toBe('ec');
    expect(() => provenKey(proof, 'another')).toThrow('does not prove');
    const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey;
    expect(() => provenKey(proveKey(p384, 'token'), 'token')).toThrow('P-256');
  });
});

describe('boot token', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const payload = {
    node: 'n01',
    mac: 'aa:bb:cc:dd:ee:ff',
    bootId: 'b',
    server: 's',
    id: '0'.repeat(32),
    issuedAt: 1,
    expiresAt: 2,
  };

  it('comes back as it was signed', () => {
    const parsed = parseBootToken(signBootToken(payload, privateKey));
    expect(parsed.payload).toEqual(payload);
    expect(parsed.signedBy(publicKey)).toBe(true);
    expect(parsed.signedBy(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey)).toBe(false);
  });

  it('does not hold when one character of it is another', () => {
    const token = signBootToken(payload, privateKey);
    fc.assert(
      fc.property(
        fc.nat(token.indexOf('.') - 1),
        fc.constantFrom('a', 'b', 'X', 'Z', '0', '9', '_', '-'),
        (at, character) => {
          fc.pre(token[at] !== character);
          const altered = token.slice(0, at) + character + token.slice(at + 1);
          try {
            expect(parseBootToken(altered).signedBy(publicKey)).toBe(false);
          } catch (thrown) {
            expect(thrown).toMatchObject({ code: 'unauthenticated' });
          }
        },
      ),
    );
  });

  it('whatever is sent, there is an answer', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(() => parseBootToken(text)).toThrow('not a boot token');
      }),
    );
  });
});

describe('certificates', () => {
  let folder: string;
  let authority: Authority;
  let server: Server;
  let port: number;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hostler-identity-'));
    authority = await Authority.open(folder);
    server = createServer(
      { ...serverTlsOptionsFor(await identity('store1')), requestCert: true, rejectUnauthorized: true },
      (asked, answer) => {
        const { socket } = asked;
        answer.end(JSON.stringify(socket instanceof TLSSocket ? peerIdentity(socket.getPeerCertificate()) : null));
      },
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    port = typeof address === 'object' && address !== null ? address.port : 0;
  });
  afterAll(() => {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function identity(name: string): Promise<TlsIdentity> {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { certificate } = await authority.issueAgent({ name, kind: 'service', roles: ['store', 'build'] }, publicKey);
    return {
      key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      certificate,
      authority: authority.certificate,
    };
  }

  function get(options: object): Promise<string> {
    return new Promise((resolve, reject) => {
      const asking = request({ host: '127.0.0.1', port, ...options }, (answer) => {
        answer.on('data', (data: Buffer) => resolve(data.toString()));
      });
      asking.on('error', reject);
      asking.end();
    });
  }

  it('tell agents apart, whatever address they are reached at', async () => {
    const mine = await identity('b1');
    expect(JSON.parse(await get(tlsOptionsFor(mine, 'store1')))).toMatchObject({
      name: 'b1',
      kind: 'service',
      roles: ['store', 'build'],
    });
    await expect(get(tlsOptionsFor(mine, 'store2'))).rejects.toThrow("says 'store1', expected 'store2'");
  });

  it('of another authority are not accepted in either direction', async () => {
    const other = await Authority.open(join(folder, 'other'));
    const mine = await identity('b1');
    await expect(get(tlsOptionsFor({ ...mine, authority: other.certificate }, 'store1'))).rejects.toThrow();
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { certificate } = await other.issueAgent({ name: 'b1', kind: 'service', roles: [] }, publicKey);
    const forged = {
      key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      certificate,
      authority: authority.certificate,
    };
    await expect(get(tlsOptionsFor(forged, 'store1'))).rejects.toThrow();
  });

  it('of authority and manager are no agents', async () => {
    expect(peerIdentity(authority.certificate)).toBeUndefined();
    const manager = await authority.issueManager();
    expect(peerIdentity(manager.certificate)).toBeUndefined();
    expect(commonName(manager.certificate)).toBe('hostler-manager');
  });
});
