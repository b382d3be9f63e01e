import { createPrivateKey } from 'node:crypto';
import { Prefix } from 'nkeys.js';
import { Codec } from 'nkeys.js/lib/codec.js';

/** A user's JWT and key as nats-server reads them from a file. `key`: Ed25519, PEM. */
export function credentialsText(jwt: string, key: string): string {
  // The last 32 bytes of its PKCS #8 form are the seed.
  const seed = createPrivateKey(key).export({ type: 'pkcs8', format: 'der' }).subarray(-32);
  const text = new TextDecoder().decode(Codec.encodeSeed(Prefix.User, Uint8Array.from(seed)));
  return [
    '-----BEGIN NATS USER JWT-----',
    jwt,
    '------END NATS USER JWT------',
    '',
    '-----BEGIN USER NKEY SEED-----',
    text,
    '------END USER NKEY SEED------',
    '',
  ].join('\n');
}
