/** `key=value[,key=value]...`; undefined where a part has no `=`. A comma before a word without `=` is of the value. */
export function readKeys(text: string): Readonly<Record<string, string>> | undefined {
  const keys: Record<string, string> = {};
  let last: string | undefined;
  for (const part of text.split(',')) {
    const equals = part.indexOf('=');
    if (equals > 0) {
      last = part.slice(0, equals);
      keys[last] = part.slice(equals + 1);
    } else if (last === undefined) {
      return undefined;
    } else {
      keys[last] = `${keys[last] ?? ''},${part}`;
    }
  }
  return keys;
}
