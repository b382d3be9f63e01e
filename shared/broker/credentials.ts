import { createPrivateKey } from 'node:crypto';

/*
 * The agent's bundle has no library for nkeys: it signs with the system's own Ed25519. All that is needed of the format is
 * the text form of one seed (https://github.com/nats-io/nkeys).
 */

/** What says that a user's seed follows: `SU` in base 32. */
const seedOfUser = Buffer.from([0x95, 0x00]);

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** A user's JWT and key as nats-server reads them from a file. `key`: Ed25519, PEM. */
export function credentialsText(jwt: string, key: string): string {
  return [
    '-----BEGIN NATS USER JWT-----',
    jwt,
    '------END NATS USER JWT------',
    '',
    '-----BEGIN USER NKEY SEED-----',
    seedText(key),
    '------END USER NKEY SEED------',
    '',
  ].join('\n');
}

function seedText(key: string): string {
  // The last 32 bytes of its PKCS #8 form are the seed.
  const seed = createPrivateKey(key).export({ type: 'pkcs8', format: 'der' }).subarray(-32);
  const raw = Buffer.concat([seedOfUser, seed]);
  const sum = Buffer.alloc(2);
  sum.writeUInt16LE(crc16(raw));
  return base32(Buffer.concat([raw, sum]));
}

/** CRC-16/XMODEM. */
function crc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ ((crc & 0x8000) === 0 ? 0 : 0x1021)) & 0xffff;
  }
  return crc;
}

/** RFC 4648, without padding. */
function base32(bytes: Uint8Array): string {
  let text = '';
  let value = 0;
  let bits = 0;
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xffff;
    bits += 8;
    for (; bits >= 5; bits -= 5) text += alphabet.charAt((value >>> (bits - 5)) & 31);
  }
  return bits === 0 ? text : text + alphabet.charAt((value << (5 - bits)) & 31);
}
