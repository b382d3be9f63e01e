/** The items of a comma list as Perl's split gives them: empty ones at the end do not count. */
export function commaList(value: string): string[] {
  const items = value.split(',');
  while (items.length > 0 && items.at(-1) === '') items.pop();
  return items;
}

/** A condition holds when its value is one whole item of the list. */
export function listContains(list: string | undefined, item: string): boolean {
  if (list === undefined) return false;
  if (list === item) return true;
  return list.includes(',') && list.split(',').some((each) => each.trim() === item);
}

/** Byte order, the order of all of xCAT's lists. */
export function byName(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
