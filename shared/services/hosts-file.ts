import { isIP } from 'node:net';
import type { HostsChange } from '../task/files.ts';

/** One line of a hosts file to be. */
export interface HostEntry {
  readonly ip: string;
  /** Short name, or a full one that ends with the domain. */
  readonly name: string;
  /** Empty: none. */
  readonly domain: string;
  /** Further names; one that is the full name, or any with a dot, takes the place of the full name. */
  readonly others: readonly string[];
}

export const beginMark = '# BEGIN hostler: makehosts keeps these lines';
export const endMark = '# END hostler';

/**
 * The line of an entry, as makehosts writes it (facts on commands, section 6): `IP SHORT LONG OTHERS`, or the long name
 * first. undefined: the short name would have a dot.
 */
export function hostLine({ ip, name, domain, others }: HostEntry, longFirst: boolean): string | undefined {
  const tail = domain === '' ? '' : `.${domain}`;
  const isFull = tail !== '' && name.toLowerCase().endsWith(tail.toLowerCase()) && name.length > tail.length;
  const short = isFull ? name.slice(0, -tail.length) : name;
  if (short.includes('.')) return undefined;
  const own = others.find((other) => other === short || other === `${short}${tail}` || other.includes('.'));
  const given = own !== undefined && own !== short ? own : undefined;
  const long = isFull ? name : (given ?? (tail === '' ? undefined : `${short}${tail}`));
  const rest = others.filter((other) => other !== short && other !== long);
  if (long === undefined) return [ip, short, ...rest].join(' ');
  const names = longFirst ? [long, short] : [short, long];
  return `${[ip, ...names].join(' ')} ${rest.join(' ')}`;
}

/** Lines are told apart by address and by first name, IPv4 and IPv6 for themselves. */
interface Line {
  readonly text: string;
  readonly ip: string;
  readonly name: string;
}

function lineOf(text: string): Line {
  const [ip = '', first = ''] = text.trim().split(/\s+/, 2);
  return { text, ip, name: `${isIP(ip)} ${first.split('.')[0] ?? ''}` };
}

/** Our block after a change. A line that is replaced keeps its place; new ones come last. One pass, whatever its size. */
export function changeLines(before: readonly string[], change: HostsChange): string[] {
  const lines = new Map<number, Line>();
  const places = new Map<string, Set<number>>();
  const keys = ({ ip, name }: Line): string[] => [`ip ${ip}`, `name ${name}`];
  let next = 0;
  const insert = (place: number, line: Line): void => {
    lines.set(place, line);
    for (const key of keys(line)) {
      const set = places.get(key) ?? new Set();
      places.set(key, set.add(place));
    }
  };
  const take = (place: number): void => {
    const line = lines.get(place);
    if (!line) return;
    lines.delete(place);
    for (const key of keys(line)) places.get(key)?.delete(place);
  };
  if (!change.clear) for (const text of before) insert(next++, lineOf(text));
  for (const word of change.remove) {
    for (const key of [`ip ${word}`, `name 4 ${word}`, `name 6 ${word}`]) {
      for (const place of [...(places.get(key) ?? [])]) take(place);
    }
  }
  for (const text of change.put) {
    const line = lineOf(text);
    const same = keys(line).flatMap((key) => [...(places.get(key) ?? [])]);
    for (const place of same) take(place);
    insert(same.length > 0 ? Math.min(...same) : next++, line);
  }
  return [...lines].sort(([a], [b]) => a - b).map(([, { text }]) => text);
}

/**
 * A hosts file after a change of our block. Every line outside of the block stays byte for byte. A block that becomes
 * empty goes, marks and all; a begin without an end counts as no block, so that nothing of others is lost.
 */
export function changeHostsFile(text: string, change: HostsChange): string {
  const lines = text.split('\n');
  const begin = lines.indexOf(beginMark);
  const end = begin < 0 ? -1 : lines.indexOf(endMark, begin);
  const found = end >= 0;
  const before = found ? lines.slice(begin + 1, end) : [];
  const after = changeLines(before, change);
  const block = after.length === 0 ? [] : [beginMark, ...after, endMark];
  if (found) return [...lines.slice(0, begin), ...block, ...lines.slice(end + 1)].join('\n');
  if (block.length === 0) return text;
  const gap = text === '' || text.endsWith('\n') ? '' : '\n';
  return `${text}${gap}${block.join('\n')}\n`;
}

/** The link-local address that a network card gives itself from its MAC; undefined when it is none. */
export function linkLocal(mac: string): string | undefined {
  const bytes = /^(?:[0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(mac) ? mac.split(':').map((part) => parseInt(part, 16)) : [];
  const [a, b, c, d, e, f] = bytes;
  if (a === undefined || b === undefined || c === undefined) return undefined;
  if (d === undefined || e === undefined || f === undefined) return undefined;
  const group = (high: number, low: number): string => ((high << 8) | low).toString(16);
  return `fe80::${group(a ^ 2, b)}:${group(c, 0xff)}:${group(0xfe, d)}:${group(e, f)}`;
}
