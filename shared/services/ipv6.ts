import { isIPv6 } from 'node:net';

/** IPv6 as the name services need it: networks and the names for the way back. */

/** The address as a number of 128 bits; undefined when it is none. Zones (`%eth0`) are refused: they mean one machine only. */
export function ipv6(text: string): bigint | undefined {
  if (!isIPv6(text) || text.includes('%')) return undefined;
  // The canonical form of RFC 5952: no leading zeros, no embedded IPv4, one `::` at most.
  const [head = '', tail] = new URL(`http://[${text}]`).hostname.slice(1, -1).split('::');
  const left = groups(head);
  const right = groups(tail ?? '');
  const middle = tail === undefined ? [] : Array<string>(8 - left.length - right.length).fill('0');
  return [...left, ...middle, ...right].reduce((sum, group) => (sum << 16n) + BigInt(`0x${group}`), 0n);
}

function groups(text: string): string[] {
  return text === '' ? [] : text.split(':');
}

/** The number as an address in its canonical form. */
export function ipv6Text(value: bigint): string {
  return new URL(`http://[${hexOf(value).match(/.{4}/g)?.join(':') ?? ''}]`).hostname.slice(1, -1);
}

function hexOf(value: bigint): string {
  return value.toString(16).padStart(32, '0');
}

/** Length of a prefix: `/64` or `64`; undefined when it is none. */
export function prefixLength(text: string): number | undefined {
  const [, digits] = /^\/?(\d{1,3})$/.exec(text) ?? [];
  return digits === undefined || Number(digits) > 128 ? undefined : Number(digits);
}

/** The first address of the network with this prefix. */
export function networkOf(value: bigint, bits: number): bigint {
  const rest = BigInt(128 - bits);
  return (value >> rest) << rest;
}

/** Addresses that only mean something on one link, or on this machine. */
export function staysOnLink(value: bigint): boolean {
  return value === 1n || value >> 118n === 0x3fan;
}

/** The zone of the /64 that holds the address, and the label in it, for the way back from address to name. */
export function reverseName(value: bigint): { readonly zone: string; readonly label: string } {
  const digits = Array.from(hexOf(value)).reverse();
  return { label: digits.slice(0, 16).join('.'), zone: `${digits.slice(16).join('.')}.ip6.arpa` };
}
