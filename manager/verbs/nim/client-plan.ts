import { attribute, objectNames } from '../../../shared/objects/index.ts';
import type { NimClientSpec, NimPairs, NimResourceSpec } from '../../../shared/task/nim.ts';
import type { View } from '../../../shared/verb/view.ts';
import { nfsAttributes, shortName, site } from './common.ts';
import {
  firstAdapter,
  furtherInterfaces,
  gatewayOf,
  macsOf,
  networkOf,
  networkType,
  numbered,
  type NimNetwork,
} from './interfaces.ts';

export interface ClientOptions {
  readonly type: NimClientSpec['type'];
  /** NIM's name for the machine; default the short host name. */
  readonly name?: string;
  readonly speed?: string;
  readonly duplex?: string;
  /** The NIM master, as nodes call it. */
  readonly master: string;
  /** Replaces what is computed: `if1`, which stands for all interfaces, `netboot_kernel` ... */
  readonly overrides?: ReadonlyMap<string, string>;
}

/** An open question (docs/nim-open-questions.md). Masters of AIX 7.1 and later build 64-bit boot images only; `site.nimnetbootkernel` says otherwise (NIM facts, 9.3). */
const netbootKernel = '64';

export interface ClientDefinition {
  readonly define: NimPairs;
  /** Those of further interfaces, which NIM must know before the machine is defined. */
  readonly networks: readonly NimNetwork[];
}

/** How NIM is to know the node, or the sentence why it cannot. */
export function clientDefinition(
  known: View,
  node: string,
  options: ClientOptions,
): ClientDefinition | { trouble: string } {
  const ip = attribute(known, 'node', node, 'ip')?.value ?? '';
  const network = ip === '' ? undefined : networkOf(known, ip);
  if (ip !== '' && network === undefined)
    return {
      trouble: `No network definition contains the address ${ip} of node '${node}'. Define it: mkdef -t network.`,
    };
  if (network?.mask === '') return { trouble: `Missing network mask for node '${node}'.` };
  const gateway = network === undefined ? '' : gatewayOf(known, network);
  if (network !== undefined && gateway === '')
    return {
      trouble: `Missing gateway for node '${node}'. Set it: chdef -t network ${network.name} gateway=<address>.`,
    };
  const host = shortName(node);
  const macs = macsOf(attribute(known, 'node', node, 'mac')?.value ?? '');
  const bad = macs.find(({ mac }) => !/^[0-9a-fA-F]{12}$/.test(mac));
  if (bad !== undefined) return { trouble: `The MAC address '${bad.mac}' of node '${node}' is not valid.` };
  const overrides = options.overrides ?? new Map<string, string>();
  const further = overrides.has('if1') ? undefined : furtherInterfaces(known, node, macs, options.master);
  const taken = new Set(further?.interfaces.map(([name]) => name));
  const mine = macs.filter(({ host: name }) => !taken.has(shortName(name)));
  const installNic = ['installnic', 'primarynic']
    .map((attr) => attribute(known, 'node', node, attr)?.value ?? '')
    .find((nic) => nic !== '');
  const type = network === undefined ? 'ent' : networkType(network, installNic);
  const pairs: NimPairs = [
    ...numbered([
      ...(mine.length === 0 ? ['0'] : mine.map(({ mac }) => mac)).map(
        (mac) => `find_net ${host} ${mac} ${firstAdapter(type)}`,
      ),
      ...(further?.interfaces ?? []).map(([, value]) => value),
    ]),
    ['cable_type1', 'N/A'],
    ['netboot_kernel', site(known, 'nimnetbootkernel') || netbootKernel],
    ...(network === undefined ? [] : ([['net_definition', `${type} ${network.mask} ${gateway}`]] as const)),
    ['net_settings1', `${options.speed ?? '100'} ${options.duplex ?? 'full'}`],
  ];
  // if1 of one's own replaces all interfaces; another number only the one that has it.
  const kept = pairs.filter(
    ([key]) => !overrides.has(key) && !(overrides.has('if1') && /^(if\d+|cable_type(?!1$)\d+)$/.test(key)),
  );
  return { define: [...kept, ...overrides], networks: further?.networks ?? [] };
}

/** The name servers of the node's network, else of the site; nothing where neither says any (NIM facts, 9.3). */
export function resolvConf(known: View, node: string, base: string, masterName: string): NimResourceSpec | undefined {
  const ip = attribute(known, 'node', node, 'ip')?.value ?? '';
  const network = ip === '' ? undefined : networkOf(known, ip);
  const own = (attr: string): string =>
    network === undefined ? '' : (attribute(known, 'network', network.name, attr)?.value ?? '');
  const fromNetwork = own('domain') !== '' && own('nameservers') !== '';
  const domain = fromNetwork ? own('domain') : site(known, 'domain');
  const servers = fromNetwork ? own('nameservers') : site(known, 'nameservers');
  if (domain === '' || servers === '') return undefined;
  const others = objectNames(known, 'network').map((name) => attribute(known, 'network', name, 'domain')?.value ?? '');
  const search = [
    ...new Set([
      domain,
      ...others.filter((text) => text !== ''),
      ...(site(known, 'domain') === '' ? [] : [site(known, 'domain')]),
    ]),
  ];
  const master = servers.includes('<xcatmaster>');
  const addresses = servers
    .split(',')
    .map((server) => (server.trim() === '<xcatmaster>' ? site(known, 'master') : server.trim()));
  const name = fromNetwork
    ? `${(network?.name ?? '').replaceAll('.', '_')}_resolv_conf`
    : master
      ? `${shortName(masterName)}_resolv_conf`
      : 'site_resolv_conf';
  const content = `search ${search.join(' ')}\n${addresses
    .filter((address) => address !== '')
    .map((address) => `nameserver ${address}\n`)
    .join('')}`;
  return {
    type: 'resolv_conf',
    name,
    make: { location: `${base}/resolv_conf/${name}/resolv.conf`, attributes: nfsAttributes(known), content },
  };
}

/** `prescripts-begin="standalone:foo,bar|diskless:baz"`: the scripts for this action, with those of everybody in front. */
export function prescriptsFor(text: string, action: string): string[] {
  return text.split('|').flatMap((part) => {
    const at = part.indexOf(':');
    const word = at < 0 ? '' : part.slice(0, at).trim();
    if (word !== '' && word !== action) return [];
    return part
      .slice(at + 1)
      .split(',')
      .map((script) => script.trim())
      .filter((script) => script !== '');
  });
}
