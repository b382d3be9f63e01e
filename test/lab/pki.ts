import { createHash, randomBytes, webcrypto } from 'node:crypto';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import type { TlsIdentity } from '../../shared/identity/tls.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** A certificate authority for tests, shaped as the manager's (shared/identity/names.ts). */
export interface TestAuthority {
  readonly pem: string;
  /** sha256 of the DER, as on the kernel command line. */
  readonly fingerprint: string;
  issue(name: string, options: IssueOptions): Promise<TlsIdentity>;
}

export interface IssueOptions {
  readonly kind?: 'node' | 'service';
  readonly roles?: readonly string[];
  readonly notAfter?: Date;
}

export async function createTestAuthority(): Promise<TestAuthority> {
  x509.cryptoProvider.set(globalThis.crypto);
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: 'CN=test authority, O=hostler',
    notBefore: new Date(Date.now() - 3_600_000),
    notAfter: new Date(Date.now() + 86_400_000),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 1, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  });
  const pem = root.toString('pem');
  return {
    pem,
    fingerprint: createHash('sha256').update(Buffer.from(root.rawData)).digest('hex'),
    async issue(name, options) {
      const own = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
      const units = [...(options.roles ?? []).map((role) => `OU=role:${role}`), `OU=kind:${options.kind ?? 'service'}`];
      const certificate = await x509.X509CertificateGenerator.create({
        serialNumber: serial(),
        subject: [`CN=${name}`, 'O=hostler', ...units].join(', '),
        issuer: root.subject,
        notBefore: new Date(Date.now() - 3_600_000),
        notAfter: options.notAfter ?? new Date(Date.now() + 86_400_000),
        signingAlgorithm: algorithm,
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
      });
      const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', own.privateKey)).toString('base64');
      return {
        key: `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n`,
        certificate: certificate.toString('pem'),
        authority: pem,
      };
    },
  };
}

function serial(): string {
  return `01${randomBytes(15).toString('hex')}`;
}
