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
