/** What may stand in a boot server's configuration; everything from outside goes through these first. */

/** Lower case with colons, from colons, hyphens or none; undefined when it is not a MAC of six bytes. */
export function normalMac(text: string): string | undefined {
  const bare = text.toLowerCase();
  const plain = /^[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}$/.test(bare) ? bare.replace(/[:-]/g, '') : bare;
  if (!/^[0-9a-f]{12}$/.test(plain)) return undefined;
  return plain.match(/../g)?.join(':');
}

/** A host name of one or more labels, as DNS and a kernel command line can carry it. */
export function isHostName(text: string): boolean {
  return text.length <= 253 && /^(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*$/.test(text);
}

/** A network interface of Linux, no aliases. */
export function isInterfaceName(text: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$/.test(text);
}

/** An IPv4 address as a number; undefined when it is none. Leading zeros are refused (they mean octal to some). */
export function ipv4(text: string): number | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)) {
    return undefined;
  }
  return parts.reduce((sum, part) => sum * 256 + Number(part), 0);
}

export function isIpv4(text: string): boolean {
  return ipv4(text) !== undefined;
}

/** Bits of a netmask: `255.255.255.0`, `/24` or `24`; undefined when it is not contiguous. */
export function maskBits(text: string): number | undefined {
  const short = /^\/?(\d{1,2})$/.exec(text)?.[1];
  if (short !== undefined) return Number(short) <= 32 ? Number(short) : undefined;
  const value = ipv4(text);
  if (value === undefined) return undefined;
  const bits = value.toString(2).padStart(32, '0');
  return /^1*0*$/.test(bits) ? bits.lastIndexOf('1') + 1 : undefined;
}

/** `24` to `255.255.255.0`. */
export function maskOf(bits: number): string {
  const value = bits === 0 ? 0 : (2 ** 32 - 2 ** (32 - bits)) >>> 0;
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');
}

/** True when the address lies in the network. False when anything of it is malformed. */
export function inNetwork(address: string, net: string, mask: string): boolean {
  const [one, other, bits] = [ipv4(address), ipv4(net), maskBits(mask)];
  if (one === undefined || other === undefined || bits === undefined) return false;
  const size = 2 ** (32 - bits);
  return Math.floor(one / size) === Math.floor(other / size);
}

/** `http://ADDRESS` with the port only where it is not 80. */
export function httpBase(address: string, port: number): string {
  return port === 80 ? `http://${address}` : `http://${address}:${port}`;
}

/** First and last of a `first-last` range of addresses in order; undefined when malformed. */
export function addressRange(text: string): readonly [first: string, last: string] | undefined {
  const [first, last, ...more] = text.split('-');
  if (first === undefined || last === undefined || more.length > 0) return undefined;
  const [from, to] = [ipv4(first), ipv4(last)];
  return from !== undefined && to !== undefined && from <= to ? [first, last] : undefined;
}
