import { type KeyLike, sign, verify } from 'node:crypto';
import { HostlerError } from '../errors/error.ts';

/**
 * What a boot server signs for one boot that it served. The manager delegates this by the role `boot` in the server's
 * certificate: the signature is by that certificate's own key (ECDSA P-256, SHA-256, DER).
 * On the wire: base64url(JSON of this) + "." + base64url(signature over the first part).
 */
export interface BootTokenPayload {
  readonly node: string;
  readonly mac: string;
  /** The kernel's boot id of the machine that claimed the token. */
  readonly bootId: string;
  /** Agent name of the boot server. */
  readonly server: string;
  /** Unique for ever: 32 hexadecimal digits. */
  readonly id: string;
  /** Milliseconds since the epoch, the boot server's clock. */
  readonly issuedAt: number;
  readonly expiresAt: number;
}

/** Seconds that a boot token lives. */
export const bootTokenSeconds = 600;

/** How far the clocks of a boot server and the manager may be apart, in seconds. */
export const bootTokenSkewSeconds = 300;

/** Longest token that is looked at. */
const longestToken = 4096;

/** The token's text, signed with the boot server's own certificate key. */
export function signBootToken(payload: BootTokenPayload, key: KeyLike): string {
  const body = Buffer.from(JSON.stringify(payload)).toString('base64url');
  return `${body}.${sign('sha256', Buffer.from(body), key).toString('base64url')}`;
}

/** A token taken apart, nothing in it believed yet. Throws `unauthenticated` when it is not a token. */
export function parseBootToken(token: string): { payload: BootTokenPayload; signedBy(key: KeyLike): boolean } {
  const parts = token.length <= longestToken ? /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/.exec(token) : null;
  const [, body = '', signature = ''] = parts ?? [];
  const payload = parts === null ? undefined : checkedPayload(Buffer.from(body, 'base64url').toString());
  if (payload === undefined) throw new HostlerError('unauthenticated', 'This is not a boot token of a boot server.');
  return {
    payload,
    signedBy(key) {
      return verify('sha256', Buffer.from(body), key, Buffer.from(signature, 'base64url'));
    },
  };
}

function checkedPayload(text: string): BootTokenPayload | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { node, mac, bootId, server, id, issuedAt, expiresAt } = value as Readonly<Record<string, unknown>>;
  if (![node, mac, bootId, server, id].every((item) => typeof item === 'string' && item.length <= 256))
    return undefined;
  if (!Number.isSafeInteger(issuedAt) || !Number.isSafeInteger(expiresAt)) return undefined;
  if (!/^[0-9a-f]{32}$/.test(String(id))) return undefined;
  return {
    node: String(node),
    mac: String(mac),
    bootId: String(bootId),
    server: String(server),
    id: String(id),
    issuedAt: Number(issuedAt),
    expiresAt: Number(expiresAt),
  };
}

/** POST on the boot server's HTTPS port, JSON in and out. */
export const claimPath = '/claim';
export interface ClaimRequest {
  readonly mac: string;
  readonly bootId: string;
}
export interface ClaimReply {
  readonly node: string;
  readonly token: string;
  /** HOST:PORT of the manager, for enrolment and link. */
  readonly manager: string;
}

/** Words on the kernel command line: addresses, the authority's fingerprint and the image digest; nothing secret. */
export const kernelWords = {
  /** Boot server: `http://ADDRESS:PORT` */
  server: 'hostler.server',
  /** Boot server, TLS: `https://ADDRESS:PORT` */
  secure: 'hostler.secure',
  /** sha256 of the authority certificate. */
  authority: 'hostler.ca',
  /** sha256 of the image file; fetched from `<server>/blobs/<digest>`. */
  image: 'hostler.image',
  node: 'hostler.node',
  /** Name of the boot server's agent, which its certificate must bear; for what cannot read roles in certificates. */
  boot: 'hostler.boot',
} as const;
