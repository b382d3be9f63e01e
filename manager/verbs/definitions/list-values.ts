interface ListOptions {
  readonly delimiter: string;
}

/** `-p`: items that are not there yet, at the end. `repeats`: all of them, as for settings of the site. */
export function addItems(
  now: string | undefined,
  given: string,
  options: ListOptions & { readonly repeats: boolean },
): string {
  if (now === undefined || now === '') return given;
  if (options.repeats) return `${now}${options.delimiter}${given}`;
  const items = split(now, options.delimiter);
  for (const item of split(given, options.delimiter)) if (!items.includes(item)) items.push(item);
  return items.join(options.delimiter);
}

/**
 * `-m`: the list without the items. `unknown`: items that are not in it; then nothing is to be changed. `value` is
 * undefined where there is no list. `tolerant`: neither is an error, as for settings of the site.
 */
export function removeItems(
  now: string | undefined,
  given: string,
  options: ListOptions & { readonly tolerant: boolean },
): { readonly value: string | undefined; readonly unknown: readonly string[] } {
  if (now === undefined || now === '') return { value: options.tolerant ? '' : undefined, unknown: [] };
  const items = split(now, options.delimiter);
  const away = split(given, options.delimiter);
  const unknown = options.tolerant ? [] : away.filter((item) => !items.includes(item));
  return { value: items.filter((item) => !away.includes(item)).join(options.delimiter), unknown };
}

/** As Perl splits: empty items at the end do not count. */
function split(text: string, delimiter: string): string[] {
  const items = text.split(delimiter);
  while (items.at(-1) === '') items.pop();
  return items;
}
