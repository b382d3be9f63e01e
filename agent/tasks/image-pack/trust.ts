import { lstat } from 'node:fs/promises';
import { publicKeyPem } from '../../../shared/identity/image-statement.ts';
import { existsInside } from '../image-tree/inside.ts';
import { appendEntries, programEntries, programFiles } from './initrd-program.ts';

/** In the initrd; init.sh looks there. */
const folder = 'lib/hostler';

/**
 * Adds to an initrd what checks the signature of the image: the manager's public key, and openssl of the image itself
 * with all that it needs. The kernel unpacks archives that stand one behind the other. False: the image has no openssl
 * 3, and its nodes check the digest alone.
 */
export async function addSignatureCheck(
  initrd: string,
  { tree, key, signal }: { readonly tree: string; readonly key: string; readonly signal: AbortSignal },
): Promise<boolean> {
  const program = await opensslOf(tree);
  if (program === undefined) return false;
  const pem = { path: 'etc/hostler/image.pem', kind: 'file', content: Buffer.from(publicKeyPem(key)) } as const;
  const folders = ['etc', 'etc/hostler'].map((path) => ({ path, kind: 'folder' }) as const);
  await appendEntries(initrd, [...programEntries(folder, program), ...folders, pem], signal);
  return true;
}

/** openssl with its libraries; undefined where there is none that knows Ed25519. */
async function opensslOf(tree: string): Promise<ReadonlyMap<string, Buffer> | undefined> {
  const file = await existsInside(tree, 'usr/bin/openssl');
  if (file === undefined || !(await lstat(file)).isFile()) return undefined;
  const found = await programFiles(tree, file, 'openssl');
  // Its command pkeyutl signs and verifies whole files since version 3.
  return found?.has('libcrypto.so.3') === true ? found : undefined;
}
