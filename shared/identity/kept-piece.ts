import { type KeyLike, type KeyObject, sign, verify } from 'node:crypto';

/** By this name an agent asks a relay for its keeper, in the first message of TLS; everybody else is handed through. */
export const keeperName = 'hostler-keeper';

/** Where the keeper takes pieces: POST a KeptPiece (proto/hostler/v1/keeper.proto); GET says that there is one. */
export const keptPath = '/kept';

/**
 * An agent's signature of reports that somebody else is to hand over: by the key of its certificate, bound to that
 * certificate. Whoever carries them can lose or delay them, not make or change any.
 */
export function signKept(privateKey: KeyLike, serial: string, reports: Uint8Array): Buffer {
  return sign('sha256', statement(serial, reports), privateKey);
}

/** True when the holder of the certificate with that key and serial signed these very bytes. */
export function isSignedKept(
  publicKey: KeyObject,
  serial: string,
  reports: Uint8Array,
  signature: Uint8Array,
): boolean {
  return verify('sha256', statement(serial, reports), publicKey, signature);
}

/** Begins with words of its own, so that no signature made for something else counts here. */
function statement(serial: string, reports: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`hostler kept reports\n${serial}\n`), reports]);
}
