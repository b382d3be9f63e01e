import { type KeyObject, X509Certificate, createPrivateKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HostlerError } from '../../../shared/errors/error.ts';
import { replaceFile } from '../../../shared/files/durable.ts';
import { fingerprintOf } from '../../../shared/identity/certificate.ts';
import type { AgentKind } from '../../../shared/identity/names.ts';
import type { TlsIdentity } from '../../../shared/identity/tls.ts';
import { type Issued, type Issuer, issueAgent, issueAuthority, issueManager, issuerOf } from './certificate.ts';

const day = 24 * 3600 * 1000;

/** Milliseconds that certificates live. Service agents renew after two thirds; a node gets a new one at every boot. */
export interface Lifetimes {
  readonly authority: number;
  readonly manager: number;
  readonly broker: number;
  readonly service: number;
  readonly node: number;
}

export const defaultLifetimes: Lifetimes = {
  authority: 20 * 365 * day,
  manager: 30 * day,
  broker: 365 * day,
  service: 30 * day,
  node: day / 2,
};

/** The manager's own certificate authority: made at first start, its key never leaves DIR/authority. */
export class Authority {
  /** PEM. */
  readonly certificate: string;
  /** sha256 of the DER form, lower-case hexadecimal. */
  readonly fingerprint: string;
  readonly #issuer: Issuer;
  readonly #lifetimes: Lifetimes;
  readonly #now: () => number;

  private constructor(certificate: string, issuer: Issuer, lifetimes: Lifetimes, now: () => number) {
    this.certificate = certificate;
    this.fingerprint = fingerprintOf(certificate);
    this.#issuer = issuer;
    this.#lifetimes = lifetimes;
    this.#now = now;
  }

  /** Reads `<folder>/ca.pem` and `<folder>/ca.key` (mode 0600), or makes them. */
  static async open(
    folder: string,
    now: () => number = Date.now,
    lifetimes: Lifetimes = defaultLifetimes,
  ): Promise<Authority> {
    // The certificate is for everybody on the machine to read, the key for nobody.
    await mkdir(folder, { recursive: true, mode: 0o755 });
    const certificate = await readIfThere(join(folder, 'ca.pem'));
    if (certificate === undefined) await create(folder, now(), lifetimes.authority);
    return Authority.#read(folder, now, lifetimes);
  }

  static async #read(folder: string, now: () => number, lifetimes: Lifetimes): Promise<Authority> {
    const [certificate, keyText] = [
      await readIfThere(join(folder, 'ca.pem')),
      await readIfThere(join(folder, 'ca.key')),
    ];
    if (certificate === undefined || keyText === undefined) {
      throw new HostlerError(
        'failed_precondition',
        `${folder} holds a certificate without its key. Put ca.key back from a backup; or, to start over with a new ` +
          `authority that no agent knows, take the folder away.`,
      );
    }
    const parsed = new X509Certificate(certificate);
    const key = createPrivateKey(keyText);
    if (!parsed.checkPrivateKey(key)) {
      throw new HostlerError(
        'failed_precondition',
        `${folder}: ca.key is not the key of ca.pem. Put back the right one.`,
      );
    }
    const name = parsed.toLegacyObject().subject.CN;
    return new Authority(certificate, await issuerOf(String(name), key), lifetimes, now);
  }

  issueAgent(
    agent: { readonly name: string; readonly kind: AgentKind; readonly roles: readonly string[] },
    key: KeyObject,
  ): Promise<Issued> {
    return issueAgent(this.#issuer, agent, key, this.#now(), this.#lifetimes[agent.kind]);
  }

  /** A fresh server identity; kept in memory only, so that there is nothing to lose or to renew on disk. */
  issueManager(): Promise<TlsIdentity & { readonly expiresAt: number }> {
    return this.#issueServer(this.#lifetimes.manager);
  }

  /** The same for the broker, which answers in the manager's name: a new one makes all its clients connect again. */
  issueBroker(): Promise<TlsIdentity & { readonly expiresAt: number }> {
    // A relay's leaf node reaches it by a port of its own machine, and checks the address.
    return this.#issueServer(this.#lifetimes.broker, ['127.0.0.1']);
  }

  async #issueServer(
    lifetime: number,
    addresses: readonly string[] = [],
  ): Promise<TlsIdentity & { readonly expiresAt: number }> {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const issued = await issueManager(this.#issuer, publicKey, this.#now(), lifetime, addresses);
    return {
      key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      // The authority goes along: an agent that knows but its fingerprint finds it in the handshake.
      certificate: issued.certificate + this.certificate,
      authority: this.certificate,
      expiresAt: issued.expiresAt,
    };
  }
}

/** Key first: a certificate on disk always has its key. */
async function create(folder: string, now: number, lifetime: number): Promise<void> {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = `hostler authority ${randomBytes(4).toString('hex')}`;
  const { certificate } = await issueAuthority(keys, name, now, lifetime);
  await replaceFile(join(folder, 'ca.key'), keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), 0o600);
  await replaceFile(join(folder, 'ca.pem'), certificate, 0o644);
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return undefined;
    throw thrown;
  }
}
