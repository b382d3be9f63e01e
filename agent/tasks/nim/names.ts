import { HostlerError } from '../../../shared/errors/error.ts';

/** 1 to 39 letters, digits, - _ !; a dot is not allowed (NIM facts, section 1). */
export function isNimName(name: string): boolean {
  return /^[A-Za-z0-9_!-]{1,39}$/.test(name);
}

/** Checked before any work; says which rule the name breaks. */
export function checkNimName(name: string, what: string): void {
  if (isNimName(name)) return;
  const reason =
    name.length > 39
      ? `has ${String(name.length)} characters, and NIM allows 39`
      : name === ''
        ? 'is empty'
        : 'holds a character that NIM does not allow (only letters, digits, "-", "_" and "!"; no dot)';
  throw new HostlerError('invalid_argument', `The name "${name}" of ${what} ${reason}. Choose another name.`);
}
