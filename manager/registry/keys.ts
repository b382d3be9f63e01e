import { HostlerError } from '../../shared/errors/error.ts';

/**
 * How keys are laid out in the database (format 1). Parts are joined by NUL, which no part may contain, so that one
 * object's keys never fall into another's range.
 *   m format, m batch, m revision   numbers about the whole
 *   o type name                     the row of an object
 *   s type name                     what was reported about it
 *   h revision                      one record of the history
 *   k space key                     other rooms' entries
 */
const separator = '\u0000';

export const metaKeys = {
  format: `m${separator}format`,
  revision: `m${separator}revision`,
  batch: `m${separator}batch`,
};

/** Longest part in UTF-16 units: a name that no file system could hold is a mistake, or an attack. */
const longestPart = 255;

function part(text: string, what: string): string {
  if (text === '' || text.length > longestPart || text.includes(separator)) {
    throw new HostlerError('invalid_argument', `${what} must have 1 to ${longestPart} characters and no NUL.`);
  }
  return text;
}

export function objectKey(area: 'o' | 's', type: string, name: string): string {
  return [area, part(type, 'The type of an object'), part(name, `The name of a ${type}`)].join(separator);
}

/** Splits what objectKey made. */
export function splitObjectKey(key: string): readonly [type: string, name: string] {
  const [, type = '', name = ''] = key.split(separator);
  return [type, name];
}

/** Zero-padded so that the order of keys is the order of numbers. */
export function revisionKey(revision: number): string {
  return `h${separator}${String(revision).padStart(16, '0')}`;
}

export function spacePrefix(space: string): string {
  return `k${separator}${part(space, 'The name of a key space')}${separator}`;
}

export function spaceKey(space: string, key: string): string {
  return spacePrefix(space) + key;
}

/** All keys that start with the prefix, as a half-open range. */
export function rangeOf(prefix: string): { readonly gte: string; readonly lt: string } {
  return { gte: prefix, lt: `${prefix}\u{10ffff}` };
}

export function areaRange(area: 'o' | 's' | 'h'): { readonly gte: string; readonly lt: string } {
  return rangeOf(area + separator);
}
