// The certificate library's own container needs this first.
import 'reflect-metadata';
import { type KeyObject, createPublicKey, randomBytes, webcrypto } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type JsonName,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { type AgentKind, managerName, normalSerial, organisation } from '../../../shared/identity/names.ts';

const curve = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const signature = { name: 'ECDSA', hash: 'SHA-256' } as const;

/** Certificates begin this long before they are made, in milliseconds: clocks of machines are apart. */
const backdated = 24 * 3600 * 1000;

export interface Issued {
  /** PEM. */
  readonly certificate: string;
  readonly serial: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

export interface Issuer {
  readonly name: JsonName;
  readonly key: webcrypto.CryptoKey;
  readonly publicKey: webcrypto.CryptoKey;
}

/** A certificate that signs others and nothing else. */
export async function issueAuthority(
  keys: { privateKey: KeyObject; publicKey: KeyObject },
  name: string,
  now: number,
  lifetime: number,
): Promise<Issued> {
  const publicKey = await importPublic(keys.publicKey);
  const subject: JsonName = [{ O: [organisation] }, { CN: [name] }];
  return finish(
    {
      subject,
      issuer: subject,
      publicKey,
      signingKey: await importPrivate(keys.privateKey),
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        await SubjectKeyIdentifierExtension.create(publicKey),
      ],
    },
    now,
    lifetime,
  );
}

/** An agent's certificate, for both ends of TLS: agents with the store role serve others. */
export function issueAgent(
  issuer: Issuer,
  agent: { readonly name: string; readonly kind: AgentKind; readonly roles: readonly string[] },
  key: KeyObject,
  now: number,
  lifetime: number,
): Promise<Issued> {
  const subject: JsonName = [
    { O: [organisation] },
    { OU: [`kind:${agent.kind}`] },
    ...agent.roles.map((role) => ({ OU: [`role:${role}`] })),
    { CN: [agent.name] },
  ];
  return issueLeaf(issuer, subject, agent.name, key, now, lifetime);
}

/** `addresses`: IP addresses that it is also good for, with programs that check those. No agent's certificate has any. */
export function issueManager(
  issuer: Issuer,
  key: KeyObject,
  now: number,
  lifetime: number,
  addresses: readonly string[] = [],
): Promise<Issued> {
  return issueLeaf(issuer, [{ O: [organisation] }, { CN: [managerName] }], managerName, key, now, lifetime, addresses);
}

async function issueLeaf(
  issuer: Issuer,
  subject: JsonName,
  name: string,
  key: KeyObject,
  now: number,
  lifetime: number,
  addresses: readonly string[] = [],
): Promise<Issued> {
  const publicKey = await importPublic(key);
  const ips = addresses.map((value) => ({ type: 'ip' as const, value }));
  return finish(
    {
      subject,
      issuer: issuer.name,
      publicKey,
      signingKey: issuer.key,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
        new SubjectAlternativeNameExtension([{ type: 'dns', value: name }, ...ips]),
        await SubjectKeyIdentifierExtension.create(publicKey),
        await AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      ],
    },
    now,
    lifetime,
  );
}

type Params = Parameters<typeof X509CertificateGenerator.create>[0];

async function finish(params: Params, now: number, lifetime: number): Promise<Issued> {
  // Whole seconds: that is all a certificate can say.
  const expiresAt = Math.floor((now + lifetime) / 1000) * 1000;
  const serial = randomBytes(16);
  serial[0] = (serial.readUInt8(0) & 0x7f) | 0x40; // positive, and of one length
  const made = await X509CertificateGenerator.create({
    ...params,
    serialNumber: serial.toString('hex'),
    notBefore: new Date(now - backdated),
    notAfter: new Date(expiresAt),
    signingAlgorithm: signature,
  });
  return { certificate: `${made.toString('pem')}\n`, serial: normalSerial(serial.toString('hex')), expiresAt };
}

export function importPublic(key: KeyObject): Promise<webcrypto.CryptoKey> {
  return webcrypto.subtle.importKey('spki', key.export({ type: 'spki', format: 'der' }), curve, true, ['verify']);
}

export function importPrivate(key: KeyObject): Promise<webcrypto.CryptoKey> {
  return webcrypto.subtle.importKey('pkcs8', key.export({ type: 'pkcs8', format: 'der' }), curve, false, ['sign']);
}

export async function issuerOf(name: string, privateKey: KeyObject): Promise<Issuer> {
  return {
    name: [{ O: [organisation] }, { CN: [name] }],
    key: await importPrivate(privateKey),
    publicKey: await importPublic(createPublicKey(privateKey)),
  };
}
