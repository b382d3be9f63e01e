import { describe, expect, test } from 'vitest';
import { makehosts } from '../../../../manager/verbs/makehosts.ts';
import type { FilesSpec } from '../../../../shared/task/files.ts';
import type { Effect } from '../../../../shared/verb/effect.ts';
import { asked } from '../../support/asked.ts';
import { MemoryView } from '../../support/view.ts';

const view = new MemoryView({
  site: { clustersite: { 'site.domain': 'cluster.test' } },
  network: {
    narrow: { 'networks.net': '10.0.4.0', 'networks.mask': '255.255.255.0', 'networks.domain': 'fast.test' },
    wide: { 'networks.net': '10.0.0.0', 'networks.mask': '255.255.0.0' },
  },
  group: { rg: { 'hosts.ip': '|cn(\\d+)|10.0.3.($1)|' } },
  node: {
    cn1: {
      'nodelist.groups': 'all',
      'hosts.ip': '10.0.1.1',
      'mac.mac': '52:54:00:12:34:56!cn1|66:00:00:00:00:01!*NOIP*',
    },
    cn2: { 'nodelist.groups': 'all', 'hosts.ip': '10.0.1.2', 'hosts.hostnames': 'alias2 b' },
    cn3: { 'nodelist.groups': 'all' },
    cn4: {
      'nodelist.groups': 'all,rg',
      'nics.nicips': 'eth1!10.0.4.4|10.0.5.4,eth2!10.0.3.4',
      'nics.nichostnamesuffixes': 'eth1!-eth1',
      'nics.nicaliases': 'eth1!fast quick',
    },
    cn5: { 'nodelist.groups': 'bad', 'hosts.ip': 'notanip' },
    'cn6.else': { 'nodelist.groups': 'bad', 'hosts.ip': '10.0.1.6' },
    cn7: {
      'nodelist.groups': 'all',
      'hosts.ip': '10.0.1.7',
      'hosts.otherinterfaces': '-ext:10.9.0.7,srv:10.9.1.7,x:no',
    },
  },
});

function result(operands: readonly string[], options: Record<string, readonly string[]> = {}) {
  const { effects } = makehosts.start(asked('makehosts', { operands, options }), view);
  const run = effects.find((effect): effect is Effect & { do: 'run' } => effect.do === 'run');
  const [file] = (run?.task.spec as unknown as FilesSpec | undefined)?.files ?? [];
  const said = effects.flatMap((effect) => (effect.do === 'say' ? [effect.text] : [])).join('');
  const done = effects.find((effect) => effect.do === 'done');
  return { file, change: file && 'hosts' in file ? file.hosts : undefined, said, exit: done?.exit };
}

describe('makehosts', () => {
  test('one node', () => {
    const { file, change, said } = result(['cn1']);
    expect(file?.path).toBe('/etc/hosts');
    expect(change).toEqual({ clear: false, remove: [], put: ['10.0.1.1 cn1 cn1.cluster.test '] });
    expect(said).toBe('');
  });

  test('all nodes: inherited addresses, cards, further interfaces; what has no address is left out in silence', () => {
    const { change, said } = result(['all'].slice(1), { n: [''] });
    expect(change).toEqual({
      clear: true,
      remove: [],
      put: [
        '10.0.1.1 cn1 cn1.cluster.test ',
        '10.0.1.2 cn2 cn2.cluster.test alias2 b',
        '10.0.3.4 cn4 cn4.cluster.test cn4-eth2',
        '10.0.4.4 cn4-eth1 cn4-eth1.fast.test fast quick',
        '10.0.5.4 cn4-eth1-1 cn4-eth1-1.cluster.test ',
        '10.0.1.7 cn7 cn7.cluster.test ',
        '10.9.0.7 cn7-ext cn7-ext.cluster.test ',
        '10.9.1.7 srv srv.cluster.test ',
      ],
    });
    expect(said).toBe(
      "Warning: [xcatmn]: Ignoring node 'cn5', its ip address 'notanip' is not valid.\n" +
        "Error: [xcatmn]: Invalid short node name 'cn6.else'. The short node name may not contain a dot. " +
        "It is what stands before the domain in 'cn6.else.cluster.test'.\n",
    );
  });

  test.each([
    [['cn3'], "Warning: [xcatmn]: Ignoring node 'cn3', it can not be resolved.\n", 0],
    [['cn5'], "Warning: [xcatmn]: Ignoring node 'cn5', its ip address 'notanip' is not valid.\n", 0],
    [['cn1,nosuch'], 'Error: Invalid nodes and/or groups in noderange: nosuch\n', 1],
  ])('%j asks nothing of an agent', (operands, said, exit) => {
    expect(result(operands)).toEqual({ file: undefined, change: undefined, said, exit });
  });

  test('-d takes every name of the node away; without nodes everything of ours', () => {
    expect(result(['cn4'], { d: [''] }).change?.remove).toEqual(['cn4', 'cn4-eth1', 'cn4-eth1-1']);
    expect(result([], { d: [''] }).change).toEqual({ clear: true, remove: [], put: [] });
  });

  test('-l and -m', () => {
    expect(result(['cn1'], { longnamefirst: [''] }).change?.put).toEqual(['10.0.1.1 cn1.cluster.test cn1 ']);
    expect(result(['cn1'], { mactolinklocal: [''] }).change?.put).toEqual([
      'fe80::5054:ff:fe12:3456 cn1 cn1.cluster.test ',
    ]);
  });

  test('ends as the task ends', () => {
    const { state } = makehosts.start(asked('makehosts', { operands: ['cn1'] }), view);
    const task = { about: 'task', key: 'files', agent: 'mn' } as const;
    const done = makehosts.on?.(state, { ...task, outcome: 'done', result: { changed: ['/etc/hosts'] } }, view);
    expect(done?.effects).toEqual([{ do: 'done', exit: 0 }]);
    const failed = makehosts.on?.(state, { ...task, outcome: 'failed', code: 'internal', message: 'No.' }, view);
    expect(failed?.effects).toEqual([
      { do: 'say', text: 'Error: [xcatmn]: mn: No.\n', error: true },
      { do: 'done', exit: 1 },
    ]);
  });
});
