import { valueForNode } from './pattern-value.ts';

/** One interface's part of a nic attribute: `nicips.eth0=10.0.0.1|fd00::1`. */
export interface NicEntry {
  readonly nic: string;
  readonly value: string;
}

/** `nicips.eth0` is attribute nicips of interface eth0; undefined for what is no nic attribute with an interface. */
export function nicAttribute(name: string): { readonly attribute: string; readonly nic: string } | undefined {
  const parts = /^(nic\w+)\.(.*)$/s.exec(name);
  return parts?.[1] === undefined ? undefined : { attribute: parts[1], nic: parts[2] ?? '' };
}

/** Takes the stored form `if1!a|b,if2!c` apart. */
export function splitNics(stored: string): NicEntry[] {
  return stored
    .split(',')
    .map((item) => item.split('!'))
    .filter(([nic]) => nic !== undefined && nic !== '')
    .map(([nic = '', value = '']) => ({ nic, value }));
}

/** Interfaces without a value fall away. */
export function joinNics(entries: readonly NicEntry[]): string {
  return entries
    .filter(({ value }) => value !== '')
    .map(({ nic, value }) => `${nic}!${value}`)
    .join(',');
}

/** What is shown of a stored nic attribute, for a node with its patterns evaluated, for a group (no `node`) raw. */
export function shownNics(stored: string, node: string | undefined): NicEntry[] {
  let text = stored;
  // A pattern around the whole attribute: what it is put in front of is not shown.
  if (/^\|.*\|$/s.test(text)) {
    const inside = text.slice(1, -1);
    const split = inside.split('|');
    text = split.length > 1 ? (split[1] ?? '') : inside;
  }
  return splitNics(text)
    .map(({ nic, value }) => ({ nic, value: node === undefined ? value : valueForNode(value, node) }))
    .filter(({ value }) => value !== '');
}
