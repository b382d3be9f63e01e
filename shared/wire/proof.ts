import { randomBytes } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HostlerError } from '../errors/error.ts';

/** Metadata key of the token by which a caller on the manager's socket proves its user id. */
export const proofHeader = 'hostler-proof';
/** Metadata key of the command line in short, as typed, secrets left out; for job lists and the history. */
export const commandHeader = 'hostler-command';

/** Folder of a manager's home that everybody may write to and nobody but the manager may list (mode 1733). */
export function proofFolder(home: string): string {
  return join(home, 'proof');
}

/** Tokens are file names: this and nothing else is one. */
export function isProofToken(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

/** Seconds that a proof is good for. */
export const proofSeconds = 60;

/**
 * The client's half: leaves a file that only this user can have made. The manager reads its owner and takes it away
 * when the first call arrives with the token as `hostler-proof`; each call needs a proof of its own.
 */
export function createProof(home: string): { readonly token: string; discard(): void } {
  const token = randomBytes(32).toString('hex');
  const path = join(proofFolder(home), token);
  try {
    // World-readable: the manager may run as another user. The content is worth nothing to anybody but the file's owner.
    writeFileSync(path, token, { flag: 'wx', mode: 0o644 });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new HostlerError(
      'unauthenticated',
      `Cannot leave a proof of the user id in ${proofFolder(home)}: ${why}. Is ${home} the home of a running manager?`,
      { cause },
    );
  }
  return { token, discard: () => rmSync(path, { force: true }) };
}
