import { describe, expect, it } from 'vitest';
import { chooseStore } from '../../../../manager/verbs/image/new-version.ts';
import { nodeset } from '../../../../manager/verbs/nodeset.ts';
import { checkBootApply } from '../../../../shared/boot/check.ts';
import type { BootApplySpec } from '../../../../shared/task/boot-apply.ts';
import type { Effect, Report } from '../../../../shared/verb/effect.ts';
import { asked } from '../../support/asked.ts';
import type { MemoryView } from '../../support/view.ts';
import { bootCluster, digest, imageName } from './boot-cluster.ts';
import { localScript } from '../../../../shared/boot/ipxe.ts';

type Run = Extract<Effect, { do: 'run' }>;

interface Outcome {
  readonly out: string;
  readonly error: string;
  readonly exit: number | undefined;
  readonly tasks: readonly Run['task'][];
}

/** Runs the verb to its end; `answers` says how the tasks ended (default: done). */
function run(view: MemoryView, words: readonly string[], answers: Readonly<Record<string, string>> = {}): Outcome {
  const effects: Effect[] = [];
  const take = (more: readonly Effect[]): void => {
    effects.push(...more);
    view.apply(more);
  };
  const begun = nodeset.start(asked('nodeset', { operands: words }), view);
  let { state } = begun;
  take(begun.effects);
  const tasks = effects.filter((effect): effect is Run => effect.do === 'run').map(({ task }) => task);
  for (const { key, on } of tasks) {
    const message = answers[key];
    const report: Report =
      message === undefined
        ? { about: 'task', key, outcome: 'done', agent: on.agent ?? '', result: null }
        : { about: 'task', key, outcome: 'failed', agent: on.agent ?? '', code: 'internal', message };
    const step = nodeset.on?.(state, report, view);
    state = step?.state ?? null;
    take(step?.effects ?? []);
  }
  const said = (error: boolean): string =>
    effects
      .flatMap((effect) => (effect.do === 'say' && (effect.error === true) === error ? [effect.text] : []))
      .join('');
  const done = effects.find((effect) => effect.do === 'done');
  return { out: said(false), error: said(true), exit: done?.exit, tasks };
}

/** As the agent takes it: checked. */
function specOf(outcome: Outcome, at = 0): BootApplySpec {
  return checkBootApply(outcome.tasks[at]?.spec);
}

describe('nodeset osimage', () => {
  it('gives one task to the boot server, then commits once and says what each node boots', () => {
    const view = bootCluster();
    const outcome = run(view, ['compute', `osimage=${imageName}`]);
    expect([outcome.out, outcome.error, outcome.exit]).toEqual([
      'n1: netboot debian12-x86_64-compute\nn2: netboot debian12-x86_64-compute\n',
      '',
      0,
    ]);
    expect(outcome.tasks.map(({ key, on }) => [key, on])).toEqual([['boot', { role: 'boot', agent: 'mn1' }]]);
    expect(view.row('node', 'n1')).toMatchObject({
      'chain.currstate': 'netboot debian12-x86_64-compute',
      'nodetype.provmethod': imageName,
      'nodetype.os': 'debian12',
      'nodetype.profile': 'compute',
      'hostler.image': digest('d'),
    });
  });

  it('tells the boot server everything, with one profile for nodes that are alike', () => {
    const spec = specOf(run(bootCluster(), ['n1,n2', `osimage=${imageName}`]));
    expect(spec.service).toMatchObject({
      interfaces: ['eth1', 'eth2'],
      manager: '10.0.0.1:7301',
      authority: digest('c'),
    });
    expect(spec.service.networks).toEqual([
      {
        name: 'net1',
        net: '10.0.0.0',
        mask: '255.255.0.0',
        server: '10.0.0.1',
        gateway: '10.0.0.1',
        dynamicrange: '',
        leaseSeconds: 43_200,
      },
    ]);
    expect(spec.nodes['n1']).toEqual({ macs: ['52:54:00:00:00:01'], ip: '10.0.0.11', hostname: 'n1', profile: 'p1' });
    expect(Object.keys(spec.profiles)).toEqual(['p1']);
    expect(spec.profiles['p1']).toMatchObject({
      kernel: digest('a'),
      initrd: digest('b'),
      image: digest('d'),
      authorise: true,
    });
    expect(spec.profiles['p1']?.ipxe).toMatch(/hostler\.node=%\{node\} ip=dhcp quiet BOOTIF/);
    expect(spec.blobs.map(({ bytes }) => bytes)).toEqual([10, 20, 30]);
    expect(spec.from).toEqual({ agent: 'build1', endpoints: ['unix:/b/store.sock'] });
  });

  it('makes a task for each service node, and for each member of a pool', () => {
    const view = bootCluster({
      node: {
        n2: { 'noderes.servicenode': 'sn1,sn2', 'noderes.xcatmaster': '10.0.0.2' },
        sn1: { 'hosts.ip': '10.0.0.2', 'nodelist.groups': 'all' },
        sn2: { 'hosts.ip': '10.0.0.3', 'nodelist.groups': 'all' },
      },
      site: { clustersite: { 'site.dhcpinterfaces': 'mn|eth1;sn1,sn2|eth5' } },
    });
    const outcome = run(view, ['n1,n2', `osimage=${imageName}`], { 'boot-sn2': 'the disk is full' });
    expect(outcome.tasks.map(({ key, on }) => [key, on.agent])).toEqual([
      ['boot', 'mn1'],
      ['boot-sn1', 'sn1'],
      ['boot-sn2', 'sn2'],
    ]);
    expect(specOf(outcome, 1).service).toMatchObject({ interfaces: ['eth5'] });
    expect(specOf(outcome, 1).service.networks[0]?.server).toBe('10.0.0.2');
    // It hands on the postscripts of the site.
    expect(specOf(outcome, 1).service.postscripts).toEqual({ agent: 'mn1', endpoints: ['https://10.0.0.1:7443'] });
    expect(checkBootApply(specOf(outcome, 1)).service).toEqual(specOf(outcome, 1).service);
    expect(specOf(outcome, 0).service).not.toHaveProperty('postscripts');
    expect([outcome.out, outcome.error, outcome.exit]).toEqual([
      'n1: netboot debian12-x86_64-compute\n',
      'n2: [xcatmn]: Error: sn2: the disk is full\n' +
        'Error: [xcatmn]: Failed to generate xnba configurations for some node(s) on xcatmn. Check xCAT log file for more details.\n',
      1,
    ]);
    expect(view.row('node', 'n2')).not.toHaveProperty(['chain.currstate']);
  });

  it('leaves its own nodes to its own agent, whatever a service node is called', () => {
    const view = bootCluster();
    view.observe('agent', 'a-service-node', {
      'agent.roles': 'boot,store,relay,control,node',
      'agent.kind': 'node',
      'agent.state': 'connected',
      'agent.store': 'https://10.0.0.9:7443',
    });
    const { tasks } = run(view, ['n1', `osimage=${imageName}`]);
    expect(tasks.map(({ on }) => on.agent)).toEqual(['mn1']);
    expect(chooseStore(view, undefined)?.agent).toBe('build1');
    expect(chooseStore(view, 'a-service-node')?.agent).toBe('a-service-node');
  });

  it('gives nodes that differ profiles of their own', () => {
    const view = bootCluster({
      node: {
        n2: {
          'nodehm.serialport': '0',
          'nodehm.serialspeed': '115200',
          'bootparams.addkcmdline': 'rack=#NODEATTRIB:nodepos:rack#',
          'nodepos.rack': 'r7',
        },
      },
    });
    const spec = specOf(run(view, ['n1,n2', `osimage=${imageName}`]));
    expect(spec.profiles[spec.nodes['n2']?.profile ?? '']?.ipxe).toContain('console=ttyS0,115200 rack=r7 quiet');
    expect(Object.keys(spec.profiles)).toHaveLength(2);
  });

  it.each([
    ['mac.mac', 'No mac attribute is set: chdef n2 mac=MAC'],
    ['hosts.ip', 'No ip attribute is set, so n2 cannot be booted: chdef n2 ip=ADDRESS'],
  ])('says of a node without %s what is missing, and goes on with the others', (column, text) => {
    const outcome = run(bootCluster({ node: { n2: { [column]: '' } } }), ['n1,n2', `osimage=${imageName}`]);
    expect([outcome.out, outcome.exit]).toEqual(['n1: netboot debian12-x86_64-compute\n', 1]);
    expect(outcome.error).toContain(`n2: [xcatmn]: Error: ${text}\n`);
  });

  it.each([
    ['an address outside of every network', { n1: { 'hosts.ip': '192.168.1.1' } }, /lies in no network object/],
    ['a MAC that is none', { n1: { 'mac.mac': 'nonsense' } }, /mac=nonsense is no MAC address/],
    ['a serial port without speed', { n1: { 'nodehm.serialport': '0' } }, /serialport defined, but no serialspeed/],
    [
      'kernel words that would be more',
      { n1: { 'bootparams.addkcmdline': 'a && reboot' } },
      /Not fit for a kernel command line/,
    ],
  ])('refuses %s', (_what, node, text) => {
    const outcome = run(bootCluster({ node }), ['n1', `osimage=${imageName}`]);
    expect([outcome.out, outcome.exit, outcome.tasks]).toEqual(['', 1, []]);
    expect(outcome.error).toMatch(text);
  });

  it('says when an image is not packed, in the words of the stage that is missing', () => {
    const view = bootCluster();
    view.commit([{ type: 'osimage', name: imageName, values: { 'hostler.current': null } }]);
    expect(run(view, ['n1', `osimage=${imageName}`]).error).toMatch(
      /Did you run "genimage" before running "packimage"\?/,
    );
    view.observe('osimage', imageName, { 'hostler.builtby': 'build1' });
    expect(run(view, ['n1', `osimage=${imageName}`]).error).toMatch(
      /No packed image for platform debian12, architecture x86_64, and profile compute/,
    );
  });

  it('needs interfaces and a manager that nodes can reach', () => {
    const silent = bootCluster({ site: { clustersite: { 'site.dhcpinterfaces': '' } } });
    expect(run(silent, ['n1', `osimage=${imageName}`]).error).toMatch(
      /site.dhcpinterfaces names no interface of the boot server/,
    );
    const local = bootCluster();
    local.observe('manager', 'self', { 'manager.listen': null });
    expect(run(local, ['n1', `osimage=${imageName}`]).error).toMatch(/start hostler-manager with --listen/);
  });

  it('takes the provmethod of each node when no image is named', () => {
    const view = bootCluster({ node: { n1: { 'nodetype.provmethod': imageName } } });
    expect(run(view, ['n1', 'osimage']).out).toBe('n1: netboot debian12-x86_64-compute\n');
    expect(run(view, ['n2', 'osimage']).error).toBe(
      'Error: [xcatmn]: OS image name must be specified in nodetype.provmethod\n',
    );
  });
});

describe('nodeset boot, offline, stat', () => {
  it('takes a diskless image back, and keeps the address of the node', () => {
    const view = bootCluster();
    run(view, ['n1', `osimage=${imageName}`]);
    const outcome = run(view, ['n1', 'boot']);
    expect(outcome.out).toBe('n1: boot\n');
    expect(specOf(outcome).profiles['p1']).toEqual({ state: 'boot', ipxe: localScript('boot'), authorise: false });
    expect(view.row('node', 'n1')).toMatchObject({ 'nodetype.provmethod': '', 'chain.currstate': 'boot' });
    expect(view.row('node', 'n1')).not.toHaveProperty(['hostler.image']);
  });

  it('takes a node away, and shows what is set', () => {
    const view = bootCluster();
    expect(run(view, ['n1', 'stat']).out).toBe('n1: offline\n');
    run(view, ['n1', 'boot']);
    expect(run(view, ['n1', 'stat']).out).toBe('n1: boot\n');
    expect(specOf(run(view, ['n1', 'offline'])).nodes).toEqual({ n1: null });
    expect(run(view, ['n1', 'stat']).out).toBe('n1: offline\n');
  });

  it('has nothing to tell anybody where no boot server is', () => {
    const view = bootCluster();
    view.observe('agent', 'mn1', { 'agent.roles': 'store' });
    const outcome = run(view, ['n1', 'boot']);
    expect([outcome.out, outcome.exit, outcome.tasks]).toEqual(['n1: boot\n', 0, []]);
  });

  it('makes nothing of five thousand nodes but one task a service node', () => {
    const nodes = Object.fromEntries(
      Array.from({ length: 5000 }, (_, index) => {
        const [high, low] = [Math.floor(index / 250), (index % 250) + 1];
        const mac = `52:54:00:01:${high.toString(16).padStart(2, '0')}:${low.toString(16).padStart(2, '0')}`;
        const row = {
          'nodelist.groups': 'all,big',
          'noderes.netboot': 'xnba',
          'mac.mac': mac,
          'hosts.ip': `10.0.${high + 1}.${low}`,
          'noderes.servicenode': `sn${index % 10}`,
          'noderes.xcatmaster': '10.0.0.1',
        };
        return [`c${index}`, row];
      }),
    );
    const view = bootCluster({ node: nodes, site: { clustersite: { 'site.dhcpinterfaces': 'eth1' } } });
    const outcome = run(view, ['big', `osimage=${imageName}`]);
    expect(outcome.tasks).toHaveLength(10);
    expect(outcome.out.split('\n')).toHaveLength(5001);
    expect(JSON.stringify(outcome.tasks[0]?.spec).length).toBeLessThan(100_000);
  });
});
