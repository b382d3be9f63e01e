import { pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto';
import type { NimPassword } from '../../../shared/task/nim.ts';

const digits = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** Two to this power is the number of rounds. */
const cost = '10';

/**
 * What AIX keeps of a password: `{ssha512}COST$SALT$DIGEST`, its loadable algorithm that is strongest (PBKDF2 with
 * SHA-512). What was crypted before, by whatever algorithm, stays as it is. Empty: there is no password. `held`: what
 * stands there now; it is kept where it is of the same password, so that a repetition changes nothing.
 */
export function aixPassword({ value, cryptmethod }: NimPassword, held = ''): string {
  if (value === '' || /[\r\n\0]/.test(value)) return '';
  if (cryptmethod !== '' || /^\{ss?[a-z0-9]+\}|^\{smd5\}|^\{sblowfish\}/.test(value)) return value;
  const [, heldCost, heldSalt] = /^\{ssha512\}(\d\d)\$([./0-9A-Za-z]+)\$/.exec(held) ?? [];
  if (heldCost !== undefined && heldSalt !== undefined && Number(heldCost) <= 20) {
    const again = Buffer.from(crypted(value, heldCost, heldSalt));
    const now = Buffer.from(held);
    if (again.length === now.length && timingSafeEqual(again, now)) return held;
  }
  const salt = Array.from(randomBytes(16), (byte) => digits[byte & 63]).join('');
  return crypted(value, cost, salt);
}

/** Exported for the test against published pairs of password and digest. */
export function crypted(password: string, rounds: string, salt: string): string {
  const digest = pbkdf2Sync(password, salt, 2 ** Number(rounds), 64, 'sha512');
  return `{ssha512}${rounds}$${salt}$${encoded(digest)}`;
}

/** Groups of three bytes, the lowest six bits first; of a group that is not full only as many digits as it has bytes, plus one. */
function encoded(bytes: Buffer): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 3) {
    const group = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    const wanted = Math.min(bytes.length - at, 3) + 1;
    for (let digit = 0; digit < wanted; digit += 1) text += digits[(group >> (6 * digit)) & 63] ?? '';
  }
  return text;
}
