import type { Change } from '../../../shared/verb/effect.ts';
import type { View } from '../../../shared/verb/view.ts';
import { dottedName, hasControlCharacter, invalidName, isValidName } from '../definitions/names.ts';

/** As for attributes of objects. */
const longestValue = 65_536;

/** Columns whose values may have several lines. */
const manyLines = /\.(?:comments|xml|rawdata|message|otherdata)(?:\.|$)|^sitecomments\./;

/**
 * Why these changes must not be made: a new object with a name that could be mistaken for something else, or a value
 * that would break lists and generated files. undefined: they may.
 */
export function refusalOf(known: View, changes: readonly Change[]): string | undefined {
  for (const { type, name, remove, values = {} } of changes) {
    if (remove === true) continue;
    if (!known.has(type, name)) {
      if (type === 'node' && !isValidName(name)) return name.includes('.') ? dottedName(name) : invalidName(name);
      // What is kept for a node or group before it is defined may have any name that is no way out of a folder.
      if (!isValidName(name, 'row')) return invalidName(shown(name));
    }
    for (const [key, value] of Object.entries(values)) {
      if (value === null) continue;
      if (value.length > longestValue) {
        return `The value of ${key} of '${name}' has ${value.length} characters; ${longestValue} are possible`;
      }
      if (hasControlCharacter(manyLines.test(key) ? value.replace(/[\n\r]/g, '') : value)) {
        return `The value of ${key} of '${name}' holds control characters, which would break lists and files made from it`;
      }
    }
  }
  return undefined;
}

function shown(name: string): string {
  return name.replace(/[^ -~]/g, '?').slice(0, 80);
}
