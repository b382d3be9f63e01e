import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { HostlerError } from '../shared/errors/error.ts';
import { replaceFile } from '../shared/files/durable.ts';
import { newSigningKey, publicKeyOf, signStatement } from '../shared/identity/image-statement.ts';

export interface ImageKey {
  /** 64 hexadecimal digits. */
  readonly publicKey: string;
  /** Base64 of the Ed25519 signature; the same for the same text. */
  sign(text: string): string;
}

/**
 * The key by which this manager signs images, made at its first start. It never leaves the home, and lies beside the
 * authority and not under it: who has one of them has not the other.
 */
export async function openImageKey(home: string): Promise<ImageKey> {
  const file = join(home, 'image-key.pem');
  const pem = readIfThere(file) ?? newSigningKey();
  let publicKey: string;
  try {
    publicKey = publicKeyOf(pem);
  } catch (cause) {
    throw new HostlerError(
      'data_loss',
      `${file} holds no Ed25519 key. Put the right one back; without the file a new one is made, and images must be packed anew.`,
      { cause },
    );
  }
  if (readIfThere(file) === undefined) await replaceFile(file, pem);
  // For whoever wants to check an image without asking the manager.
  const shown = join(home, 'image-key.pub');
  if (readIfThere(shown)?.trim() !== publicKey) await replaceFile(shown, `${publicKey}\n`, 0o644);
  return { publicKey, sign: (text) => signStatement(text, pem) };
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
