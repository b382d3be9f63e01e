import { HostlerError } from '../errors/error.ts';

const plain = /^[A-Za-z0-9_@%+=:,./-]+$/;

/**
 * One word for a POSIX shell that takes a line and not an argument vector: behind an ssh connection, or in an installer.
 * The only place where words become shell text. Whatever the word holds, the shell sees it as it was; only a NUL,
 * which no argument can hold, is refused.
 */
export function quoted(word: string): string {
  if (word.includes('\0'))
    throw new HostlerError('invalid_argument', 'An argument holds a NUL byte, which no program can be given.');
  if (plain.test(word)) return word;
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

export function quotedLine(words: readonly string[]): string {
  return words.map(quoted).join(' ');
}
