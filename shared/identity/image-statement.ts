import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';

/** DER in front of the 32 bytes of an Ed25519 public key (RFC 8410). */
const derStart = Buffer.from('302a300506032b6570032100', 'hex');

/** What the manager signs of an image version. The initrd of a node makes the same text (init.sh). */
export function imageStatement(manifest: string, root: string): string {
  return `hostler image 1\nmanifest ${manifest}\nroot ${root}\n`;
}

/**
 * What stands in a manifest for the files that must not lie in the image: their digest would let any agent that has a
 * certificate fetch them from a store, and everybody may read a manifest.
 */
export function hiddenDigest(digest: string): string {
  return createHash('sha256').update(`hostler node files ${digest}`).digest('hex');
}

/** `key`: 64 hexadecimal digits. */
export function publicKeyPem(key: string): string {
  const der = Buffer.concat([derStart, Buffer.from(key, 'hex')]).toString('base64');
  return `-----BEGIN PUBLIC KEY-----\n${der}\n-----END PUBLIC KEY-----\n`;
}

export function isPublicKey(word: string): boolean {
  return /^[0-9a-f]{64}$/.test(word);
}

/** Base64, 88 signs. `privateKey`: PEM. */
export function signStatement(statement: string, privateKey: string): string {
  return sign(undefined, Buffer.from(statement), createPrivateKey(privateKey)).toString('base64');
}

export function isSigned(statement: string, signature: string, key: string): boolean {
  if (!isPublicKey(key) || !/^[A-Za-z0-9+/]{86}==$/.test(signature)) return false;
  return verify(undefined, Buffer.from(statement), publicKeyPem(key), Buffer.from(signature, 'base64'));
}

/** PEM of a new private key. */
export function newSigningKey(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** The public half, 64 hexadecimal digits. */
export function publicKeyOf(privateKey: string): string {
  const der = createPublicKey(createPrivateKey(privateKey)).export({ type: 'spki', format: 'der' });
  return der.subarray(derStart.length).toString('hex');
}
