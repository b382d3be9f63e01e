import { describe, expect, test } from 'vitest';
import { makedhcp } from '../../../../manager/verbs/makedhcp.ts';
import { makedns } from '../../../../manager/verbs/makedns.ts';
import { makeknownhosts } from '../../../../manager/verbs/makeknownhosts.ts';
import { makenetworks } from '../../../../manager/verbs/makenetworks.ts';
import type { BootApplySpec } from '../../../../shared/task/boot-apply.ts';
import type { FilesSpec, WholeFile } from '../../../../shared/task/files.ts';
import type { Asked } from '../../../../shared/verb/asked.ts';
import type { Effect, TaskRequest } from '../../../../shared/verb/effect.ts';
import type { Verb } from '../../../../shared/verb/verb.ts';
import { asked } from '../../support/asked.ts';
import { MemoryView, type Objects } from '../../support/view.ts';

const objects: Objects = {
  site: {
    clustersite: {
      'site.domain': 'cluster.test',
      'site.master': '10.0.0.1',
      'site.dhcpinterfaces': 'eth1',
      'site.forwarders': '192.0.2.1',
    },
  },
  network: {
    main: { 'networks.net': '10.0.0.0', 'networks.mask': '255.255.0.0', 'networks.dynamicrange': '10.0.9.1-10.0.9.9' },
    six: { 'networks.net': 'fd99:0::', 'networks.mask': '/48', 'networks.domain': 'six.test' },
  },
  node: {
    n1: { 'nodelist.groups': 'all', 'hosts.ip': '10.0.1.1', 'mac.mac': '52:54:00:00:00:01' },
    n2: { 'nodelist.groups': 'all', 'hosts.ip': '10.0.1.2' },
    n3: {
      'nodelist.groups': 'all',
      'hosts.ip': '10.0.1.3',
      'mac.mac': '52:54:00:00:00:03',
      'hostler.image': 'abc',
      'nodetype.provmethod': 'gone',
    },
  },
};

function site(more: Readonly<Record<string, string>>): Objects {
  return { ...objects, site: { clustersite: { ...objects['site']?.['clustersite'], ...more } } };
}

function start(verb: Verb, operands: readonly string[], flags: Asked['options'] = {}, from: Objects = objects) {
  const view = new MemoryView(from);
  view.observe('agent', 'xcatmn', {
    'agent.roles': 'boot',
    'agent.state': 'connected',
    'agent.nets':
      'eth0=10.0.0.1/16 eth0=fd00::1/64 eth0=fe80::1/64 eth0=fd99::5/48 eth1=192.168.7.9/26 p2p=10.8.0.1/32',
    'agent.mtus': 'eth1=9000',
  });
  const step = verb.start(asked(verb.name, { operands, options: flags }), view);
  const tasks = step.effects
    .filter((effect): effect is Effect & { do: 'run' } => effect.do === 'run')
    .map(({ task }): TaskRequest => task);
  const said = step.effects.flatMap((effect) => (effect.do === 'say' ? [effect.text] : [])).join('');
  const exit = step.effects.flatMap((effect) => (effect.do === 'done' ? [effect.exit] : []))[0];
  return { ...step, view, tasks, said, exit };
}

const boot = (task: TaskRequest | undefined): BootApplySpec => task?.spec as unknown as BootApplySpec;
const whole = (task: TaskRequest | undefined): WholeFile[] => (task?.spec as unknown as FilesSpec).files as WholeFile[];

describe('makedhcp', () => {
  test('-a: nodes with mac and ip go to the boot service, others are left out in silence', () => {
    const { tasks, said } = start(makedhcp, [], { a: [''] });
    expect(tasks).toHaveLength(1);
    expect(tasks[0]).toMatchObject({ kind: 'boot-apply', on: { role: 'boot', agent: 'xcatmn' } });
    expect(boot(tasks[0]).nodes).toMatchObject({ n1: { macs: ['52:54:00:00:00:01'], ip: '10.0.1.1' } });
    expect(boot(tasks[0]).allNodes).toBe(false);
    expect(said).toBe('');
  });

  test('named nodes that cannot be served are told; what nodeset pinned stays', () => {
    const { said, exit } = start(makedhcp, ['n2,n3']);
    expect(said).toMatch(/^n2: \[xcatmn\]: Error: No mac attribute is set/);
    expect(said).toMatch(/n3: .*its entry stays as nodeset made it/);
    expect(exit).toBe(1);
  });

  test('-n: the networks alone', () => {
    const { tasks } = start(makedhcp, [], { n: [''] });
    expect(tasks.map(({ key }) => key)).toEqual(['networks']);
    expect(boot(tasks[0])).toMatchObject({
      nodes: {},
      allNodes: false,
      service: { networks: [{ dynamicrange: '10.0.9.1-10.0.9.9' }] },
    });
  });

  test('-d takes away, also what nodeset made', () => {
    expect(boot(start(makedhcp as Verb, ['n1,n3'], { d: [''] }).tasks[0]).nodes).toEqual({ n1: null, n3: null });
  });

  test('-q shows', () => {
    expect(start(makedhcp as Verb, ['n1,n2'], { q: [''] }).said).toBe(
      'n1: ip-address = 10.0.1.1, hardware-address = 52:54:00:00:00:01\n',
    );
  });

  test.each([
    ['kea', '/etc/kea/kea-dhcp4.conf', '"hw-address": "52:54:00:00:00:03"'],
    ['isc', '/etc/dhcp/dhcpd.conf', 'host n3 { hardware ethernet 52:54:00:00:00:03;'],
  ])('site.dhcpbackend=%s writes its file for all nodes', (backend, path, line) => {
    const { tasks } = start(makedhcp, ['n1'], {}, site({ 'site.dhcpbackend': backend }));
    expect(whole(tasks[0]).map((file) => file.path)).toEqual([path]);
    expect(whole(tasks[0])[0]?.content).toContain(line);
    const gone = start(makedhcp, ['n3'], { d: [''] }, site({ 'site.dhcpbackend': backend }));
    expect(whole(gone.tasks[0])[0]?.content).not.toContain('52:54:00:00:00:03');
  });

  test('ends when the last task has ended, with the failure of any', () => {
    const { state, view } = start(makedhcp, [], { a: [''] });
    const report = {
      about: 'task',
      key: 'boot',
      agent: 'a',
      outcome: 'failed',
      code: 'internal',
      message: 'No.',
    } as const;
    const effects = makedhcp.on?.(state as never, report, view).effects;
    expect(effects).toEqual([
      { do: 'say', text: 'Error: [xcatmn]: a: No.\n', error: true },
      { do: 'done', exit: 1 },
    ]);
  });
});

describe('makedns', () => {
  test('dnsmasq, also for the original’s ddns', () => {
    for (const handler of [{}, { 'site.dnshandler': 'ddns' }]) {
      const [file] = whole(start(makedns, [], {}, site(handler)).tasks[0]);
      expect(file?.path).toBe('/etc/dnsmasq.d/hostler-names.conf');
      expect(file?.content).toContain('host-record=n2.cluster.test,n2,10.0.1.2\n');
      expect(file?.content).toContain('server=192.0.2.1\n');
    }
  });

  test('BIND: zones and configuration, each with its checker; -d leaves nodes out', () => {
    const { tasks } = start(makedns, ['n2'], { d: [''] }, site({ 'site.dnshandler': 'bind' }));
    expect(whole(tasks[0]).map(({ path, check }) => [path, check?.by])).toEqual([
      ['/etc/bind/hostler/db.0.0.10.in-addr.arpa', 'named-checkzone'],
      ['/etc/bind/hostler/db.1.0.10.in-addr.arpa', 'named-checkzone'],
      ['/etc/bind/hostler/db.cluster.test', 'named-checkzone'],
      ['/etc/bind/named.conf', 'named-checkconf'],
    ]);
    expect(JSON.stringify(tasks)).not.toContain('10.0.1.2');
  });

  test('IPv6: names in the domain of their network, and the way back', () => {
    const six = { node: { six: { 'nodelist.groups': 'all', 'hosts.ip': 'fd99::7' } } };
    const [names] = whole(start(makedns, [], {}, { ...site({}), ...six }).tasks[0]);
    expect(names?.content).toContain('host-record=six.six.test,six,fd99::7\n');
    const zones = whole(start(makedns, [], {}, { ...site({ 'site.dnshandler': 'bind' }), ...six }).tasks[0]);
    const back = zones.find(({ path }) => path.endsWith('ip6.arpa'));
    expect(back?.path).toContain('/db.0.0.0.0.0.0.0.0.0.0.0.0.9.9.d.f.ip6.arpa');
    expect(back?.content).toContain('\n7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0 IN PTR six.six.test.\n');
  });

  test.each([
    [['nosuch'], {}, /Invalid nodes and\/or groups in noderange: nosuch/],
    [[], { d: [''] }, /needs the nodes to take away/],
  ])('%j %j is refused', (operands, flags, why) => {
    const { said, exit, tasks } = start(makedns, operands, flags);
    expect([exit, tasks]).toEqual([1, []]);
    expect(said).toMatch(why);
  });
});

describe('makenetworks', () => {
  test('defines what the interfaces are on and is not there', () => {
    const { effects, said, exit } = start(makenetworks, []);
    const changes = effects.flatMap((effect) => (effect.do === 'commit' ? effect.changes : []));
    expect(changes.map(({ name, values }) => [name, values])).toEqual([
      [
        'fd00__-64',
        {
          'networks.gateway': '<xcatmaster>',
          'networks.mask': '64',
          'networks.mgtifname': 'eth0',
          'networks.net': 'fd00::',
          'networks.tftpserver': '<xcatmaster>',
        },
      ],
      [
        '192_168_7_0-255_255_255_192',
        {
          'networks.gateway': '<xcatmaster>',
          'networks.mask': '255.255.255.192',
          'networks.mgtifname': 'eth1',
          'networks.mtu': '9000',
          'networks.net': '192.168.7.0',
          'networks.tftpserver': '<xcatmaster>',
        },
      ],
    ]);
    expect(said).toBe(
      "Warning: [xcatmn]: The network entry '10_0_0_0-255_255_0_0' already exists, as 'main'. It stays as it is.\n" +
        "Warning: [xcatmn]: The network entry 'fd99__-48' already exists, as 'six'. It stays as it is.\n",
    );
    expect(exit).toBe(0);
  });

  test('-d shows stanzas', () => {
    const { said, effects } = start(makenetworks, [], { display: [''] });
    expect(said).toContain(
      '10_0_0_0-255_255_0_0:\n    objtype=network\n    gateway=<xcatmaster>\n    mask=255.255.0.0\n',
    );
    expect(said).toContain('    mgtifname=eth1\n    mtu=9000\n    net=192.168.7.0\n');
    expect(effects.some((effect) => effect.do === 'commit')).toBe(false);
  });
});

describe('makeknownhosts', () => {
  test('names and addresses of the nodes; -r only forgets; who did not answer is told', () => {
    const { tasks, state, view } = start(makeknownhosts, ['n1']);
    const names = ['n1', 'n1.cluster.test'];
    const change = { forget: [...names, '10.0.1.1'], scan: [{ names, address: '10.0.1.1' }] };
    expect(tasks[0]?.spec).toEqual({ files: [{ path: '/root/.ssh/known_hosts', knownHosts: change }], reload: [] });
    const forgotten = start(makeknownhosts, ['n1'], { remove: [''] }).tasks[0]?.spec;
    expect(forgotten).toMatchObject({ files: [{ knownHosts: { scan: [] } }] });
    const result = { changed: [], silent: ['10.0.1.1'] };
    const report = { about: 'task', key: 'files', agent: 'a', outcome: 'done', result } as const;
    expect(makeknownhosts.on?.(state as never, report, view).effects).toEqual([
      { do: 'say', text: 'Warning: [xcatmn]: No host key came from 10.0.1.1: no sshd answers there.\n', error: true },
      { do: 'done', exit: 0 },
    ]);
  });
});
