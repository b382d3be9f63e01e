import { type KeyLike, type KeyObject, createHash, createPublicKey, sign, verify } from 'node:crypto';
import { HostlerError } from '../errors/error.ts';

/** Proof that the asker holds the key it wants certified (enrolment.proto, KeyProof). `about`: the token, or the old serial. */
export function proveKey(privateKey: KeyLike, about: string): { publicKey: Buffer; signature: Buffer } {
  const publicKey = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  return { publicKey, signature: sign('sha256', statement(about), privateKey) };
}

/** The public key when the proof holds; throws `unauthenticated` otherwise. Only ECDSA P-256 is taken. */
export function provenKey(
  proof: { readonly publicKey: Uint8Array; readonly signature: Uint8Array } | null | undefined,
  about: string,
): KeyObject {
  const key = proof === null || proof === undefined ? undefined : readKey(proof.publicKey);
  if (key === undefined || !verify('sha256', statement(about), key, proof?.signature ?? new Uint8Array())) {
    throw new HostlerError(
      'unauthenticated',
      'The request does not prove that its sender holds the key (an ECDSA P-256 key and its signature are needed).',
    );
  }
  return key;
}

/** Names a public key in records: sha256 of its SubjectPublicKeyInfo. */
export function keyId(key: KeyObject): string {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex');
}

function readKey(der: Uint8Array): KeyObject | undefined {
  // A P-256 SubjectPublicKeyInfo has 91 bytes; anything much longer is not worth a parser's time.
  if (der.length > 256) return undefined;
  try {
    const key = createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' });
    return key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1' ? key : undefined;
  } catch {
    return undefined;
  }
}

function statement(about: string): Buffer {
  return Buffer.from(`hostler enrolment\n${about}`);
}
