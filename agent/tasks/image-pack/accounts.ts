import { createHash } from 'node:crypto';
import { run } from '../../../shared/process/run.ts';

/**
 * crypt(3) form of a password; what is in that form already stays. The salt follows from what the image is: it need not
 * be secret, and equal builds shall be equal. Empty for an empty one.
 */
export async function passwordHash(password: string, image: string, signal: AbortSignal): Promise<string> {
  if (password === '' || /^\$[0-9a-z]+\$[^:\n]+$/.test(password)) return password;
  const salt = createHash('sha256').update(image).digest('hex').slice(0, 16);
  const input = `${password}\n`;
  const { stdout } = await run('openssl', ['passwd', '-6', '-salt', salt, '-stdin'], { input, signal });
  return stdout.trim();
}

/** Files that may hold password hashes, with the names that nodes know them by. */
export const hashFiles = [
  '/etc/shadow',
  '/etc/shadow-',
  '/etc/gshadow',
  '/etc/gshadow-',
  '/etc/passwd',
  '/etc/passwd-',
];

/**
 * A file of accounts without its password hashes: the accounts stay, locked. `hashes`: what was taken out. An account
 * without any password (`root::`) stays as it is.
 */
export function withoutHashes(text: string): { readonly text: string; readonly hashes: Record<string, string> } {
  const hashes: Record<string, string> = {};
  const locked = text.replace(/^([^:\n]*):([^:\n]*)/gm, (line, name: string, hash: string) => {
    if (/^[!*x]*$/.test(hash)) return line;
    hashes[name] = hash;
    return `${name}:*`;
  });
  return { text: locked, hashes };
}
