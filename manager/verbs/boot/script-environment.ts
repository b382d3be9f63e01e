import { maskBits, maskOf } from '../../../shared/boot/address.ts';
import { attributesOf, groupsOf, isServiceNode } from '../../../shared/objects/index.ts';
import { objectTypes } from '../../../shared/schema/index.ts';
import type { View } from '../../../shared/verb/view.ts';
import { nodeFacts } from './node-plan.ts';
import { networkOf, networksOf, resolved } from './networks.ts';

/** What every postscript finds in its environment (facts section 20). Values without a source are left out. */
export function scriptEnvironment(known: View, node: string): Record<string, string> {
  const facts = nodeFacts(known, node);
  const site = attributesOf(known, 'site', 'clustersite');
  const siteValue = (key: string): string => site.get(key)?.value ?? '';
  const master = facts.value('xcatmaster') || siteValue('master');
  const network = networkOf(networksOf(known), facts.value('ip'));
  const bits = network ? maskBits(network.mask) : undefined;
  const masterAddress = resolved(known, master) ?? network?.tftpserver ?? '';
  const lines = networkLines(known);
  const given: Record<string, string> = {
    ...siteVariables(site),
    NODE: node,
    IPADDR: facts.value('ip'),
    GROUP: groupsOf(known, node).join(','),
    MASTER: master,
    MASTER_IP: masterAddress,
    NFSSERVER: facts.value('nfsserver') || master,
    INSTALLNIC: facts.value('installnic'),
    PRIMARYNIC: facts.value('primarynic'),
    OSVER: facts.value('os'),
    ARCH: facts.value('arch'),
    PROFILE: facts.value('profile'),
    PROVMETHOD: facts.value('provmethod'),
    NODESETSTATE: facts.value('currstate').split(' ')[0] ?? '',
    NTYPE: isServiceNode(known, node) ? 'service' : 'compute',
    UPDATENODE: '0',
    MACADDRESS: facts.value('mac').split(/[|!]/)[0] ?? '',
    NETMASK: bits === undefined ? '' : maskOf(bits),
    GATEWAY: network?.gateway === '<xcatmaster>' ? masterAddress : (network?.gateway ?? ''),
    NETWORKS_LINES: String(lines.length),
    ...Object.fromEntries(lines.map((line, index) => [`NETWORKS_LINE${index + 1}`, line])),
    NICIPS: facts.value('nicips'),
    NICTYPES: facts.value('nictypes'),
    NICNETWORKS: facts.value('nicnetworks'),
    NICHOSTNAMESUFFIXES: facts.value('nichostnamesuffixes'),
    NICEXTRAPARAMS: facts.value('nicextraparams'),
    NICNODE: node,
  };
  return Object.fromEntries(
    Object.entries(given).filter(
      ([name, value]) => value !== '' && /^[A-Z_][A-Z0-9_]*$/.test(name) && !value.includes('\0'),
    ),
  );
}

/** Every key of the site object upper-cased; `master` is SITEMASTER, since MASTER is the node's own. */
function siteVariables(site: ReadonlyMap<string, { readonly value: string }>): Record<string, string> {
  const secret = new Set(
    (objectTypes.get('site')?.attributes ?? []).filter((one) => one.secret).map((one) => one.name),
  );
  return Object.fromEntries(
    [...site]
      .filter(([key]) => !secret.has(key))
      .map(([key, { value }]) => [key === 'master' ? 'SITEMASTER' : key.toUpperCase(), value]),
  );
}

/** `col=value||col=value...`, one line a network. */
function networkLines(known: View): string[] {
  const columns = [
    'netname',
    'net',
    'mask',
    'mgtifname',
    'gateway',
    'dhcpserver',
    'tftpserver',
    'nameservers',
    'ntpservers',
    'logservers',
    'dynamicrange',
    'domain',
    'mtu',
  ];
  return [...known.rows('network')]
    .map(([name, row]) =>
      columns
        .map((column) => `${column}=${column === 'netname' ? name : (row[`networks.${column}`] ?? '')}`)
        .join('||'),
    )
    .sort();
}
