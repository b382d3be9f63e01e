import { X509Certificate, createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BrokerTrust } from '../../shared/broker/config.ts';
import { HostlerError } from '../../shared/errors/error.ts';
import { replaceFile } from '../../shared/files/durable.ts';
import { peerIdentity } from '../../shared/identity/certificate.ts';
import type { AgentIdentity } from '../../shared/identity/names.ts';
import type { TlsIdentity } from '../../shared/identity/tls.ts';

/** Who this agent is, with what proves it. */
export interface Identity extends TlsIdentity, AgentIdentity {
  /** End of the certificate's validity, milliseconds since the epoch. */
  readonly expiresAt: number;
  /** For the link over NATS; absent where the manager has no broker. */
  readonly nats?: NatsIdentity;
}

/** What lets the agent in at the broker: belongs to the certificate that it came with. */
export interface NatsIdentity {
  /** Ed25519 private key, PEM. */
  readonly key: string;
  readonly jwt: string;
  /** HOST:PORT each; without a host the one that the manager was reached at. */
  readonly servers: readonly string[];
  /** They are the leaf node of this relay; absent: the broker itself. */
  readonly via?: string;
  /** For an agent that keeps a leaf node; absent: it does not. */
  readonly leaf?: LeafIdentity;
}

/** What a leaf node needs to be let in at the broker, by the same key, and to know its agents. */
export interface LeafIdentity {
  readonly jwt: string;
  /** Public key. */
  readonly account: string;
  readonly trust: BrokerTrust;
}

export function identityFolder(home: string): string {
  return join(home, 'identity');
}

/**
 * `<home>/identity/`: `identity.pem` holds key, certificate and what the broker wants to see in one file (0600), so that
 * they change together; `ca.pem` the manager's authority; `next.key` a key whose certificate has been asked for.
 */
const files = { identity: 'identity.pem', authority: 'ca.pem', next: 'next.key' } as const;

/** What an earlier enrolment left; undefined when there is none. Expired certificates are returned, too. */
export async function loadIdentity(home: string): Promise<Identity | undefined> {
  const folder = identityFolder(home);
  const both = await readIfThere(join(folder, files.identity));
  const authority = await readIfThere(join(folder, files.authority));
  if (both === undefined || authority === undefined) return undefined;
  const key = block(both, 'PRIVATE KEY');
  const certificate = block(both, 'CERTIFICATE');
  if (key === undefined || certificate === undefined) return undefined;
  const nats = readNats(block(both, natsLabel));
  return { ...assemble(key, certificate, authority, folder), ...(nats === undefined ? {} : { nats }) };
}

/** Durable when it resolves. */
export async function saveIdentity(
  home: string,
  identity: TlsIdentity & { readonly nats?: NatsIdentity | undefined },
): Promise<Identity> {
  const folder = identityFolder(home);
  const { nats } = identity;
  const whole = assemble(identity.key, identity.certificate, identity.authority, folder);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await replaceFile(join(folder, files.authority), identity.authority, 0o644);
  const blocks = [identity.key.trim(), identity.certificate.trim(), ...(nats === undefined ? [] : [writeNats(nats)])];
  await replaceFile(join(folder, files.identity), `${blocks.join('\n')}\n`, 0o600);
  return { ...whole, ...(nats === undefined ? {} : { nats }) };
}

const natsLabel = 'HOSTLER NATS';

function writeNats(nats: NatsIdentity): string {
  const text = Buffer.from(JSON.stringify(nats)).toString('base64');
  return `-----BEGIN ${natsLabel}-----\n${text}\n-----END ${natsLabel}-----`;
}

function readNats(text: string | undefined): NatsIdentity | undefined {
  const base64 = text?.split('\n')[1];
  return base64 === undefined ? undefined : (JSON.parse(Buffer.from(base64, 'base64').toString()) as NatsIdentity);
}

/** The key that is to be certified next (PEM): the same one again until a certificate for it arrived. */
export async function nextKey(home: string, certified: string | undefined): Promise<string> {
  const folder = identityFolder(home);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, files.next);
  const waiting = await readIfThere(path);
  if (waiting !== undefined && waiting.trim() !== certified?.trim() && isKey(waiting)) return waiting;
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  await replaceFile(path, key, 0o600);
  return key;
}

function assemble(key: string, certificate: string, authority: string, folder: string): Identity {
  const parsed = new X509Certificate(certificate);
  const who = peerIdentity(parsed);
  if (
    who === undefined ||
    !parsed.checkPrivateKey(createPrivateKey(key)) ||
    !parsed.verify(new X509Certificate(authority).publicKey)
  ) {
    throw new HostlerError(
      'failed_precondition',
      `The certificate for ${folder} does not belong to the key and the authority there. Take the folder away and join again.`,
    );
  }
  return { ...who, key, certificate, authority, expiresAt: Date.parse(parsed.validTo) };
}

function isKey(text: string): boolean {
  try {
    return createPrivateKey(text).asymmetricKeyType === 'ec';
  } catch {
    return false;
  }
}

function block(text: string, label: string): string | undefined {
  const found = new RegExp(`-----BEGIN ${label}-----[^-]+-----END ${label}-----`).exec(text)?.[0];
  return found === undefined ? undefined : `${found}\n`;
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return undefined;
    throw thrown;
  }
}
