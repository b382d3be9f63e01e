import { createPrivateKey, sign, verify } from 'node:crypto';
import type { KeyPair } from 'nats-jwt';
import { type KeyPair as Nkey, Prefix, fromSeed } from 'nkeys.js';
import { Codec } from 'nkeys.js/lib/codec.js';

/** What stands before the 32 bytes of an Ed25519 seed in PKCS #8 (RFC 8410). */
const pkcs8Head = Buffer.from('302e020100300506032b657004220420', 'hex');

/**
 * An nkey that signs with the system's Ed25519: the library's own in JavaScript takes 20 ms for each credential, which a
 * fleet that enrols at once would feel.
 */
export function fastKey(seed: string): KeyPair {
  const bytes = new TextEncoder().encode(seed);
  const slow: Nkey = fromSeed(bytes);
  const publicKey = slow.getPublicKey();
  const key = createPrivateKey({
    key: Buffer.concat([pkcs8Head, Codec.decodeSeed(bytes).buf]),
    format: 'der',
    type: 'pkcs8',
  });
  return {
    getPublicKey: () => publicKey,
    getPrivateKey: () => slow.getPrivateKey(),
    getSeed: () => bytes,
    sign: (input) => sign(null, input, key),
    verify: (input, signature) => verify(null, input, key, signature),
    clear: () => undefined,
  };
}

/** The text form (`U...`) of a user's Ed25519 public key; undefined when it is none. */
export function userKey(raw: Uint8Array): string | undefined {
  if (raw.length !== 32) return undefined;
  return new TextDecoder().decode(Codec.encode(Prefix.User, Uint8Array.from(raw)));
}

export function seedOf(key: { getSeed(): Uint8Array }): string {
  return new TextDecoder().decode(key.getSeed());
}
