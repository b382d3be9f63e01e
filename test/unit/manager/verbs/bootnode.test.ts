import { describe, expect, it } from 'vitest';
import { bootnode } from '../../../../manager/verbs/bootnode.ts';
import type { BootApplySpec } from '../../../../shared/task/boot-apply.ts';
import type { ScriptsSpec } from '../../../../shared/task/scripts.ts';
import type { Effect, Report } from '../../../../shared/verb/effect.ts';
import { asked } from '../../support/asked.ts';
import type { MemoryView } from '../../support/view.ts';
import { bootCluster, digest, imageName } from './boot-cluster.ts';

const at = Date.UTC(2026, 0, 1);
const arrival = {
  operands: ['n1'],
  user: 'agent:n1',
  options: {
    agent: ['n1'],
    incarnation: ['i1'],
    bootid: ['boot-a'],
    imagedigest: [digest('d')],
    notes: ['nonce=4711', 'bad name=x'],
    once: [''],
  },
} as const;

function withScripts(): MemoryView {
  const view = bootCluster({
    node: { n1: { 'nodetype.provmethod': imageName, 'postscripts.postscripts': 'setup a b,trace' } },
    group: { xcatdefaults: { 'postscripts.postscripts': 'syslog', 'postscripts.postbootscripts': 'otherpkgs' } },
  });
  view.observe('node', 'n1', { 'boot.timeline': '{"registered":5}', 'hostler.note.old': 'x' });
  return view;
}

function start(view: MemoryView): {
  state: Parameters<NonNullable<typeof bootnode.on>>[0];
  effects: readonly Effect[];
} {
  const step = bootnode.start(asked('bootnode', arrival), view);
  view.apply(step.effects);
  return step;
}

function finish(view: MemoryView, report: Partial<Report>): readonly Effect[] {
  const { state } = start(view);
  const whole = {
    about: 'task',
    key: 'scripts',
    agent: 'n1',
    outcome: 'done',
    result: null,
    at: at + 5000,
    ...report,
  } as Report;
  const effects = bootnode.on?.(state, whole, view).effects ?? [];
  view.apply(effects);
  return effects;
}

const result = (...exits: number[]): Report => ({
  about: 'task',
  key: 'scripts',
  agent: 'n1',
  outcome: 'done',
  result: { scripts: exits.map((exit, index) => ({ name: `s${index}`, exit, seconds: 1 })), failed: 0 },
  at: at + 5000,
});

describe('bootnode', () => {
  it('notes what runs on the node and hands its scripts to its agent', () => {
    const view = withScripts();
    const { effects } = start(view);
    expect(view.reported('node', 'n1')).toMatchObject({
      'nodelist.status': 'postbooting',
      'hostler.bootid': 'boot-a',
      'hostler.runningimage': digest('d'),
      'hostler.note.nonce': '4711',
    });
    expect(Object.keys(view.reported('node', 'n1') ?? {}).filter((key) => key.startsWith('hostler.note.'))).toEqual([
      'hostler.note.nonce',
    ]);
    const task = effects.find((effect) => effect.do === 'run')?.task;
    expect(task).toMatchObject({ kind: 'scripts', on: { agent: 'n1' } });
    const spec = task?.spec as unknown as ScriptsSpec;
    expect(spec.postscripts).toEqual([
      { name: 'syslog', args: [], optional: true },
      { name: 'setup', args: ['a', 'b'] },
      { name: 'trace', args: [] },
    ]);
    expect(spec.postbootscripts).toEqual([{ name: 'otherpkgs', args: [], optional: true }]);
    expect(spec.store).toEqual({ agent: 'mn1', endpoints: ['https://10.0.0.1:7443'] });
    expect(spec.environment).toMatchObject({
      NODE: 'n1',
      MASTER: '10.0.0.1',
      SITEMASTER: '10.0.0.1',
      NTYPE: 'compute',
      NETMASK: '255.255.0.0',
      GATEWAY: '10.0.0.1',
      PROVMETHOD: imageName,
    });
  });

  it('says booted when all scripts did well, and lets an agent go that runs once', () => {
    const view = withScripts();
    const effects = finish(view, result(0, 0));
    expect(view.reported('node', 'n1')).toMatchObject({ 'nodelist.status': 'booted' });
    expect(JSON.parse(view.reported('node', 'n1')?.['boot.timeline'] ?? '')).toEqual({
      registered: 5,
      postscripts: at + 5000,
      booted: at + 5000,
    });
    expect(view.reported('node', 'n1')?.['nodelist.statustime']).toMatch(/^\d\d-\d\d-2026 \d\d:00:05$/);
    expect(effects.map((effect) => effect.do)).toEqual(['observe', 'say', 'dismiss', 'done']);
  });

  it('says failed, and which script, when one did not', () => {
    const view = withScripts();
    finish(view, result(0, 3));
    expect(view.reported('node', 'n1')).toMatchObject({
      'nodelist.status': 'failed',
      'boot.error': 'postscripts failed: s1 (exit 3)',
    });
  });

  it('says failed when the task could not be done, and nothing when the machine began a new life', () => {
    const broken = withScripts();
    finish(broken, { outcome: 'failed', code: 'unavailable', message: 'no store' });
    expect(broken.reported('node', 'n1')).toMatchObject({ 'nodelist.status': 'failed', 'boot.error': 'no store' });
    const lost = withScripts();
    expect(finish(lost, { outcome: 'lost', code: 'aborted', message: 'new life' })).toEqual([{ do: 'done', exit: 1 }]);
    expect(lost.reported('node', 'n1')).toMatchObject({ 'nodelist.status': 'postbooting' });
  });

  it('is done at once where there are no scripts', () => {
    const view = bootCluster();
    const { effects } = start(view);
    expect(view.reported('node', 'n1')).toMatchObject({ 'nodelist.status': 'booted' });
    expect(effects.at(-1)).toEqual({ do: 'done', exit: 0 });
  });

  it('warns of a node that runs another image than it was given', () => {
    const view = bootCluster({ node: { n1: { 'hostler.image': digest('e') } } });
    expect(start(view).effects).toContainEqual(expect.objectContaining({ do: 'say', error: true }));
  });

  it('tells a service node what to serve, each time when it has booted and its scripts have set it up', () => {
    const behind = { 'noderes.servicenode': 'n1', 'noderes.xcatmaster': '10.0.0.11', 'chain.currstate': 'boot' };
    const set = { ...behind, 'hostler.image': digest('d'), 'nodetype.provmethod': imageName };
    const view = bootCluster({
      node: { n1: { 'nodelist.groups': 'all,service', 'postscripts.postscripts': 'setup' }, n2: set },
      site: { clustersite: { 'site.dhcpinterfaces': 'mn|eth1;n1|eth5' } },
    });
    view.observe('agent', 'n1', { 'agent.roles': 'boot,store,relay,control,node', 'agent.kind': 'node' });
    const effects = finish(view, result(0));
    expect(view.reported('node', 'n1')).toMatchObject({ 'nodelist.status': 'booted' });
    const task = effects.at(-1);
    const spec = (task?.do === 'run' ? task.task.spec : undefined) as unknown as BootApplySpec;
    expect(task).toMatchObject({ do: 'run', task: { kind: 'boot-apply', on: { agent: 'n1' } } });
    expect(Object.keys(spec.nodes)).toEqual(['n2']);
    expect(spec.profiles[spec.nodes['n2']?.profile ?? '']).toMatchObject({ image: digest('d'), authorise: true });
    // What nobody set is not served, and not every node that boots serves.
    const fresh = bootCluster({ node: { n2: { ...behind, 'chain.currstate': '' } } });
    fresh.observe('agent', 'n1', { 'agent.roles': 'boot,node', 'agent.kind': 'node' });
    expect(start(fresh).effects.at(-1)).toEqual({ do: 'done', exit: 0 });
    const plain = bootCluster({ node: { n2: set } });
    expect(start(plain).effects.at(-1)).toEqual({ do: 'done', exit: 0 });
  });

  it('says what keeps a service node from serving', () => {
    const behind = { 'noderes.servicenode': 'n1', 'chain.currstate': 'boot' };
    const view = bootCluster({
      node: { n2: behind },
      site: { clustersite: { 'site.dhcpinterfaces': 'mn|eth1;n1|eth5' } },
    });
    view.observe('agent', 'n1', { 'agent.roles': 'boot,node', 'agent.kind': 'node' });
    const { state, effects } = start(view);
    const last = effects.at(-1);
    const key = last?.do === 'run' ? last.task.key : '';
    const ended = (report: object): readonly Effect[] =>
      bootnode.on?.(state, { about: 'task', key, agent: 'n1', at, ...report } as Report, view).effects ?? [];
    expect(ended({ outcome: 'failed', message: 'There is no eth5.' })).toEqual([
      expect.objectContaining({ do: 'say', error: true, text: expect.stringContaining('There is no eth5.') as string }),
      { do: 'done', exit: 1 },
    ]);
    expect(ended({ outcome: 'done', result: null }).at(-1)).toEqual({ do: 'done', exit: 0 });
    expect(ended({ outcome: 'lost', message: 'new life' })).toEqual([{ do: 'done', exit: 1 }]);
  });

  it('notes nothing of a node that another agent speaks for, or that is gone', () => {
    for (const odd of [{ user: 'agent:n2' }, { operands: ['n9'], user: 'agent:n9' }]) {
      const { effects } = bootnode.start(asked('bootnode', { ...arrival, ...odd }), withScripts());
      expect(effects.map((effect) => effect.do)).toEqual(['say', 'dismiss', 'done']);
    }
  });
});
