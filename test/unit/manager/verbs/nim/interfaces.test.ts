import { expect, test } from 'vitest';
import { clientDefinition } from '../../../../../manager/verbs/nim/client-plan.ts';
import { MemoryView } from '../../../support/view.ts';

type Values = Readonly<Record<string, string>>;

const networks: Record<string, Values> = {
  net1: { 'networks.net': '10.0.0.0', 'networks.mask': '255.255.255.0', 'networks.gateway': '10.0.0.254' },
  hfi: {
    'networks.net': '20.7.0.0',
    'networks.mask': '255.255.0.0',
    'networks.gateway': '<xcatmaster>',
    'networks.mgtifname': '!remote!hf0',
  },
  six: { 'networks.net': 'fd00:7::', 'networks.mask': '64', 'networks.gateway': 'fd00:7::1' },
};

function plan(node: Values, overrides: Values = {}) {
  const view = new MemoryView({
    site: { clustersite: { 'site.master': '10.0.0.1' } },
    network: networks,
    node: { n1: { 'nodelist.groups': 'all', ...node } },
  });
  const given = new Map(Object.entries(overrides));
  const definition = clientDefinition(view, 'n1', { type: 'standalone', master: 'mn', overrides: given });
  if ('trouble' in definition) throw new Error(definition.trouble);
  return { define: Object.fromEntries(definition.define), networks: definition.networks };
}

test('a node that is installed through HFI', () => {
  const { define } = plan({ 'hosts.ip': '20.7.0.9', 'mac.mac': '02:00:00:00:00:01' });
  expect(define).toMatchObject({
    if1: 'find_net n1 020000000001 hfi0',
    net_definition: 'hfi 255.255.0.0 10.0.0.1',
  });
});

test('by the card that it is installed through, where the network says nothing', () => {
  const { define } = plan({ 'hosts.ip': '10.0.0.9', 'mac.mac': '02:00:00:00:00:01', 'noderes.installnic': 'hf0' });
  expect(define).toMatchObject({
    if1: 'find_net n1 020000000001 hfi0',
    net_definition: 'hfi 255.255.255.0 10.0.0.254',
  });
});

test('a node of IPv6', () => {
  const { define } = plan({ 'hosts.ip': 'fd00:7::9', 'mac.mac': '02:00:00:00:00:01' });
  expect(define).toMatchObject({ if1: 'find_net n1 020000000001 ent', net_definition: 'ent6 64 fd00:7::1' });
});

test('several MACs of the one card, then the further cards, each in its network', () => {
  const { define, networks: wanted } = plan({
    'hosts.ip': '10.0.0.9',
    'mac.mac': '02:00:00:00:00:01|02:00:00:00:00:02!n1|02:00:00:00:00:03!n1-hf0|02:00:00:00:00:04!*NOIP*',
    'nics.nicips': 'en0!10.0.0.9,hf0!20.7.0.9|20.7.0.10,en6!fd00:7::9,en9!192.168.77.1',
    'nics.nichostnamesuffixes': 'en6!-six',
  });
  expect(Object.entries(define).filter(([key]) => /^(if|cable)/.test(key))).toEqual([
    ['if1', 'find_net n1 020000000001 ent'],
    ['if2', 'find_net n1 020000000002 ent'],
    ['cable_type2', 'N/A'],
    ['if3', 'hfi n1-hf0 020000000003 hfi0'],
    ['cable_type3', 'N/A'],
    ['if4', 'six n1-six 0 ent6'],
    ['cable_type4', 'N/A'],
    ['cable_type1', 'N/A'],
  ]);
  expect(wanted).toEqual([
    { name: 'hfi', net: '20.7.0.0', mask: '255.255.0.0', type: 'hfi', gateway: '10.0.0.1', masterHost: '' },
    { name: 'six', net: 'fd00:7::', mask: '64', type: 'ent6', gateway: 'fd00:7::1', masterHost: '' },
  ]);
});

test('if1 on the command line replaces all of them, another number only that one', () => {
  const node = { 'hosts.ip': '10.0.0.9', 'mac.mac': '02:00:00:00:00:01', 'nics.nicips': 'hf0!20.7.0.9,en6!fd00:7::9' };
  const one = plan(node, { if1: 'net1 n1 0 ent' });
  expect(Object.keys(one.define).filter((key) => /^(if|cable)/.test(key))).toEqual(['cable_type1', 'if1']);
  expect(one.networks).toEqual([]);
  expect(plan(node, { if3: 'x y 0' }).define).toMatchObject({
    if1: 'find_net n1 020000000001 ent',
    if2: 'hfi n1-hf0 0 hfi0',
    if3: 'x y 0',
  });
});
