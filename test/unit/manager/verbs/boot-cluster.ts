import type { Objects } from '../../support/view.ts';
import { MemoryView } from '../../support/view.ts';

export const digest = (letter: string): string => letter.repeat(64);
const image = 'debian12-x86_64-netboot-compute';
export const imageName = image;

/** A small cluster: one network, one packed image, nodes n1 and n2 of the manager's own, a boot agent. */
export function bootCluster(more: Objects = {}): MemoryView {
  const node = (number: number): Record<string, string> => ({
    'nodelist.groups': 'all,compute',
    'noderes.netboot': 'xnba',
    'mac.mac': `52:54:00:00:00:0${number}`,
    'hosts.ip': `10.0.0.${number + 10}`,
    'nodetype.arch': 'x86_64',
  });
  const base: Objects = {
    site: {
      clustersite: {
        'site.master': '10.0.0.1',
        'site.domain': 'cluster.test',
        'site.dhcpinterfaces': 'mn|eth1,eth2;sn1|eth5',
      },
    },
    network: {
      net1: { 'networks.net': '10.0.0.0', 'networks.mask': '255.255.0.0', 'networks.gateway': '<xcatmaster>' },
    },
    node: { n1: node(1), n2: node(2) },
    osimage: {
      [image]: {
        'osimage.osvers': 'debian12',
        'osimage.osarch': 'x86_64',
        'osimage.profile': 'compute',
        'osimage.provmethod': 'netboot',
        'osimage.imagetype': 'linux',
        'linuximage.addkcmdline': 'quiet',
        'hostler.current': digest('d'),
      },
    },
    image: {
      [`${image}@${digest('d').slice(0, 12)}`]: {
        'image.kernel': digest('a'),
        'image.kernelbytes': '10',
        'image.initrd': digest('b'),
        'image.initrdbytes': '20',
        'image.root': digest('d'),
        'image.rootbytes': '30',
        'image.method': 'squashfs',
        'image.store': 'build1',
      },
    },
  };
  const merged: Record<string, Record<string, Readonly<Record<string, string>>>> = {};
  for (const objects of [base, more]) {
    for (const [type, named] of Object.entries(objects)) {
      for (const [name, row] of Object.entries(named)) {
        const known = (merged[type] ??= {});
        known[name] = { ...known[name], ...row };
      }
    }
  }
  const view = new MemoryView(merged);
  view.observe('agent', 'mn1', {
    'agent.roles': 'boot,store',
    'agent.state': 'connected',
    'agent.store': 'unix:/h/store.sock,https://10.0.0.1:7443',
  });
  view.observe('agent', 'build1', {
    'agent.roles': 'build,store',
    'agent.state': 'connected',
    'agent.store': 'unix:/b/store.sock',
  });
  view.observe('manager', 'self', { 'manager.authority': digest('c'), 'manager.listen': '0.0.0.0:7301' });
  return view;
}
