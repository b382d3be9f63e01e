import { constants } from 'node:fs';
import { chmod, lstat, mkdir, open, readdir, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { HostlerError } from '../../shared/errors/error.ts';
import { isProofToken, proofFolder, proofSeconds } from '../../shared/wire/proof.ts';

/** Makes the folder for proofs: everybody may leave a file, nobody but us may list or take away those of others. */
export async function prepareProofs(home: string): Promise<void> {
  const folder = proofFolder(home);
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o1733);
}

function refuse(why: string): HostlerError {
  return new HostlerError(
    'unauthenticated',
    `The proof of your user id is not accepted: ${why}. Run the command again.`,
  );
}

/**
 * Who left the proof with this token: the numeric user id that owns it. A proof counts once and for a minute. It must be
 * a plain file with the token as its content and no second name: a link to somebody else's file, or one moved here,
 * proves nothing.
 */
export async function redeemProof(home: string, token: string, now: number): Promise<number> {
  if (!isProofToken(token)) throw refuse('it is none');
  const path = join(proofFolder(home), token);
  // Not followed when it is a link, not waited for when it is a pipe.
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    (cause: unknown) => {
      throw new HostlerError(
        'unauthenticated',
        'The proof of your user id is missing or was used already. Run the command again.',
        { cause },
      );
    },
  );
  try {
    const status = await handle.stat();
    if (!status.isFile() || status.nlink !== 1 || status.size !== token.length)
      throw refuse('it is no plain file of its own');
    const { buffer } = await handle.read(Buffer.alloc(token.length), 0, token.length, 0);
    if (buffer.toString('latin1') !== token) throw refuse('its content is another');
    if (Math.abs(now - status.mtimeMs) > proofSeconds * 1000) throw refuse('it is too old');
    return status.uid;
  } finally {
    await handle.close();
    // What cannot be taken away so is no proof either, and is swept later.
    await unlink(path).catch(() => undefined);
  }
}

/** Takes away proofs that nobody came for. */
export async function sweepProofs(home: string, now: number): Promise<void> {
  const folder = proofFolder(home);
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const status = await lstat(path).catch(() => undefined);
    if (status === undefined || now - status.mtimeMs <= proofSeconds * 2000) continue;
    // A folder somebody made here goes when it is empty; a full one is left to the administrator.
    await (status.isDirectory() ? rmdir(path) : unlink(path)).catch(() => undefined);
  }
}
