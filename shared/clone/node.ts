import { Reader } from '../layout/reader.ts';
import { isOverrideName } from './pieces.ts';

/** What the registry says of the node that becomes a clone. */
export interface CloneNode {
  readonly name: string;
  /** Empty: none. */
  readonly domain: string;
  readonly ip: string;
  /** Bits of the network mask. */
  readonly bits: number;
  /** Empty: none. */
  readonly gateway: string;
  readonly nameservers: readonly string[];
  /** Of the card that it boots from. */
  readonly mac: string;
  /** Disks that are never touched. */
  readonly protect: readonly string[];
  /** A smaller disk may be taken when the content fits. */
  readonly smaller: boolean;
  /** The most important first: overrides and scripts go by them. */
  readonly groups: readonly string[];
}

const address = /^\d{1,3}(?:\.\d{1,3}){3}$/;

/** Throws `invalid_argument`. */
export function checkedCloneNode(value: unknown): CloneNode {
  const of = new Reader(value, 'clone');
  const bits = of.number('bits');
  if (!Number.isInteger(bits) || bits < 1 || bits > 32) throw of.wrong('bits', 'from 1 to 32');
  return {
    name: of.matching('name', /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,61}[A-Za-z0-9])?$/, 'a host name'),
    domain: of.matching('domain', /^[A-Za-z0-9.-]{0,253}$/, 'a domain'),
    ip: of.matching('ip', address, 'an address'),
    bits,
    gateway: of.matching('gateway', /^(?:\d{1,3}(?:\.\d{1,3}){3})?$/, 'an address'),
    nameservers: of.texts('nameservers', 16).filter((one) => address.test(one)),
    mac: of.matching('mac', /^(?:[0-9a-f]{2}:){5}[0-9a-f]{2}$/, 'a network card'),
    protect: of.texts('protect', 64).map((one) => one.slice(0, 200)),
    smaller: of.flag('smaller'),
    groups: of.texts('groups', 1000).filter(isOverrideName),
  };
}
