import { checkedCloneNode } from '../clone/node.ts';
import { HostlerError } from '../errors/error.ts';
import type { BlobRef, StoreAccess } from '../task/blob.ts';
import type {
  BootApplySpec,
  BootClone,
  BootNetwork,
  BootNode,
  BootProfile,
  BootServiceConfig,
} from '../task/boot-apply.ts';
import { addressRange, isHostName, isInterfaceName, isIpv4, maskBits, normalMac } from './address.ts';

/** Boot scripts are a few hundred bytes; more than this is not one. */
const longestScript = 16 * 1024;
const mostNodes = 100_000;

/**
 * A boot-apply specification, every value checked: what passes can stand in dnsmasq's configuration, in file names
 * and in iPXE scripts as it is. Errors: `invalid_argument`, naming what is wrong.
 */
export function checkBootApply(spec: unknown): BootApplySpec {
  const { service, nodes, profiles, blobs, from, allNodes } = record(spec, 'spec');
  const known = checkProfiles(profiles);
  const entries = Object.entries(record(nodes, 'nodes'));
  must(entries.length <= mostNodes, 'nodes', entries.length);
  return {
    service: checkService(service),
    nodes: Object.fromEntries(
      entries.map(([name, node]) => {
        must(isHostName(name), 'node name', name);
        return [name, node === null ? null : checkNode(name, node, known)];
      }),
    ),
    profiles: known,
    blobs: list(blobs, 'blobs').map((blob) => checkBlob(blob)),
    ...(from !== undefined && { from: checkAccess(from) }),
    allNodes: allNodes === true,
  };
}

export function checkService(value: unknown): BootServiceConfig {
  const at = record(value, 'service');
  const service: BootServiceConfig = {
    interfaces: list(at['interfaces'], 'interfaces').map((one) => text(one, 'interface', isInterfaceName)),
    httpPort: port(at['httpPort'], 'httpPort'),
    httpsPort: port(at['httpsPort'], 'httpsPort'),
    networks: list(at['networks'], 'networks').map(checkNetwork),
    domain: text(at['domain'], 'domain', (word) => word === '' || isHostName(word)),
    manager: text(at['manager'], 'manager', (word) => /^[A-Za-z0-9_.:[\]-]{0,270}$/.test(word)),
    authority: text(at['authority'], 'authority', (word) => word === '' || isSha256(word)),
    nameservers: list(at['nameservers'], 'nameservers').map((one) => text(one, 'nameserver', isIpv4)),
    ...(at['postscripts'] !== undefined && { postscripts: checkAccess(at['postscripts']) }),
  };
  must(service.interfaces.length > 0 && service.interfaces.length <= 64, 'interfaces', service.interfaces.length);
  must(service.networks.length > 0 && service.networks.length <= 1000, 'networks', service.networks.length);
  must(service.nameservers.length <= 16, 'nameservers', service.nameservers.length);
  return service;
}

function checkNetwork(value: unknown): BootNetwork {
  const at = record(value, 'network');
  const seconds = at['leaseSeconds'];
  must(typeof seconds === 'number' && Number.isSafeInteger(seconds) && seconds >= 120, 'leaseSeconds', seconds);
  return {
    name: text(at['name'], 'network name', (word) => /^[\x21-\x7e]{1,128}$/.test(word)),
    net: text(at['net'], 'net', isIpv4),
    mask: text(at['mask'], 'mask', (word) => maskBits(word) !== undefined),
    server: text(at['server'], 'server', isIpv4),
    gateway: text(at['gateway'], 'gateway', (word) => word === '' || isIpv4(word)),
    dynamicrange: text(at['dynamicrange'], 'dynamicrange', (word) => word === '' || addressRange(word) !== undefined),
    leaseSeconds: seconds as number,
  };
}

export function checkNode(name: string, value: unknown, profiles: Readonly<Record<string, BootProfile>>): BootNode {
  const at = record(value, name);
  const macs = list(at['macs'], `macs of ${name}`).map((mac) =>
    text(mac, `mac of ${name}`, (word) => normalMac(word) === word),
  );
  must(macs.length <= 32, `macs of ${name}`, macs.length);
  return {
    macs,
    ip: text(at['ip'], `ip of ${name}`, isIpv4),
    hostname: text(at['hostname'], `hostname of ${name}`, isHostName),
    profile: text(at['profile'], `profile of ${name}`, (word) => Object.hasOwn(profiles, word)),
    ...(at['deploy'] !== undefined && {
      deploy: text(at['deploy'], `deploy of ${name}`, (word) => /^[\w.-]{1,200}$/.test(word)),
    }),
  };
}

export function checkProfiles(value: unknown): Readonly<Record<string, BootProfile>> {
  return Object.fromEntries(
    Object.entries(record(value, 'profiles')).map(([key, profile]) => [key, checkProfile(key, profile)]),
  );
}

function checkProfile(key: string, value: unknown): BootProfile {
  const at = record(value, `profile ${key}`);
  const digests = (['kernel', 'initrd', 'image', 'files'] as const).flatMap((one) =>
    at[one] === undefined ? [] : [[one, text(at[one], `${one} of ${key}`, isSha256)] as const],
  );
  return {
    state: text(at['state'], `state of ${key}`, (word) => /^[\x20-\x7e]{0,200}$/.test(word)),
    ipxe: text(at['ipxe'], `script of ${key}`, (word) => word.startsWith('#!ipxe\n') && word.length <= longestScript),
    authorise: at['authorise'] === true,
    ...Object.fromEntries(digests),
    ...(at['clone'] !== undefined && { clone: checkClone(key, at['clone']) }),
  };
}

function checkClone(key: string, value: unknown): BootClone {
  const at = record(value, `clone of ${key}`);
  const settings = record(at['settings'], `clone settings of ${key}`);
  // The other parts are those of a node: the node of an example has them all.
  const example = { ...settings, name: 'node', ip: '10.0.0.1', mac: '00:00:00:00:00:00' };
  const { domain, bits, gateway, nameservers, protect, smaller, groups } = checkedCloneNode(example);
  return {
    tree: text(at['tree'], `tree of ${key}`, isSha256),
    treeBytes: checkBlob({ digest: at['tree'], bytes: at['treeBytes'] }).bytes,
    facts: text(at['facts'], `facts of ${key}`, isSha256),
    ...(at['pieces'] !== undefined && { pieces: text(at['pieces'], `overrides of ${key}`, isSha256) }),
    settings: {
      ...{ domain, bits, gateway, nameservers, protect, smaller },
      ...(settings['groups'] !== undefined && { groups }),
      server: text(settings['server'], `server of ${key}`, (word) => /^http:\/\/[\w.:[\]-]+$/.test(word)),
      secure: text(settings['secure'], `secure of ${key}`, (word) => /^https:\/\/[\w.:[\]-]+$/.test(word)),
    },
  };
}

function checkBlob(value: unknown): BlobRef {
  const { digest, bytes } = record(value, 'blob');
  must(typeof bytes === 'number' && Number.isSafeInteger(bytes) && bytes >= 0, 'bytes', bytes);
  return { digest: text(digest, 'digest', isSha256), bytes: bytes as number };
}

function checkAccess(value: unknown): StoreAccess {
  const { agent, endpoints } = record(value, 'from');
  return {
    agent: text(agent, 'agent', isHostName),
    endpoints: list(endpoints, 'endpoints').map((one) =>
      text(one, 'endpoint', (word) => /^(unix:\/|https:\/\/)/.test(word)),
    ),
  };
}

function isSha256(word: string): boolean {
  return /^[0-9a-f]{64}$/.test(word);
}

function port(value: unknown, what: string): number {
  must(typeof value === 'number' && Number.isSafeInteger(value) && value > 0 && value < 65536, what, value);
  return value as number;
}

function text(value: unknown, what: string, good: (word: string) => boolean): string {
  must(typeof value === 'string' && good(value), what, value);
  return value as string;
}

function list(value: unknown, what: string): readonly unknown[] {
  must(Array.isArray(value), what, value);
  return value as readonly unknown[];
}

function record(value: unknown, what: string): Readonly<Record<string, unknown>> {
  must(typeof value === 'object' && value !== null && !Array.isArray(value), what, value);
  return value as Readonly<Record<string, unknown>>;
}

function must(good: boolean, what: string, value: unknown): void {
  if (good) return;
  const shown = (JSON.stringify(value) as string | undefined) ?? 'nothing';
  throw new HostlerError('invalid_argument', `Not fit for a boot server: ${what} ${shown.slice(0, 200)}.`);
}
