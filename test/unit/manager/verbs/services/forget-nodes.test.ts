import { describe, expect, test } from 'vitest';
import { verbs } from '../../../../../manager/verbs/index.ts';
import type { BootApplySpec } from '../../../../../shared/task/boot-apply.ts';
import type { FilesSpec } from '../../../../../shared/task/files.ts';
import type { Asked } from '../../../../../shared/verb/asked.ts';
import type { Effect, Report } from '../../../../../shared/verb/effect.ts';
import { asked } from '../../../support/asked.ts';
import { MemoryView } from '../../../support/view.ts';

function start(name: string, parts: Partial<Asked>, state = 'connected', site: Record<string, string> = {}) {
  const view = new MemoryView({
    site: {
      clustersite: {
        'site.domain': 'cluster.test',
        'site.master': '10.0.0.1',
        'site.dhcpinterfaces': 'eth0',
        ...site,
      },
    },
    network: { main: { 'networks.net': '10.0.0.0', 'networks.mask': '255.255.0.0' } },
    node: {
      n1: { 'nodelist.groups': 'all', 'hosts.ip': '10.0.1.1', 'mac.mac': '52:54:00:00:00:01' },
      n2: { 'nodelist.groups': 'all' },
    },
  });
  view.observe('agent', 'xcatmn', {
    'agent.roles': 'boot',
    'agent.state': state,
    'agent.nets': 'eth0=10.0.0.1/16',
  });
  const verb = verbs.get(name);
  if (verb === undefined) throw new Error(`there is no verb ${name}`);
  const step = verb.start(asked(name, parts), view);
  const tasks = step.effects.flatMap((effect) => (effect.do === 'run' ? [effect.task] : []));
  return { verb, view, step, tasks, what: step.effects.map((effect) => effect.do) };
}

describe('services forget nodes that are removed', () => {
  test.each<[string, Partial<Asked>]>([
    ['noderm', { operands: ['n1,n2'] }],
    ['rmdef', { operands: ['n1,n2'], options: { t: ['node'], cleanup: [''] } }],
  ])('%s: the boot server, after the commit', (name, parts) => {
    const { verb, view, step, tasks, what } = start(name, parts);
    expect(what.filter((effect) => effect !== 'say')).toEqual(['commit', 'run']);
    expect((tasks[0]?.spec as unknown as BootApplySpec).nodes).toEqual({ n1: null });
    const report: Report = { about: 'task', key: 'boot', agent: 'xcatmn', outcome: 'done', result: {} };
    expect(verb.on?.(step.state, report, view).effects).toEqual([{ do: 'done', exit: 0 }]);
    const failure: Report = { ...report, outcome: 'failed', code: 'unavailable', message: 'No disk.' };
    const text = 'Warning: [xcatmn]: xcatmn may still serve nodes that were removed: No disk.\n';
    const warning: Effect = { do: 'say', text, error: true };
    expect(verb.on?.(step.state, failure, view).effects).toEqual([warning, { do: 'done', exit: 0 }]);
    const conflict: Report = { about: 'commit', key: 'change', outcome: 'conflict', message: 'Changed.' };
    expect(verb.on?.(step.state, conflict, view).effects.at(-1)).toEqual({ do: 'done', exit: 1 });
  });

  test('nodepurge: the hosts file, too', () => {
    const { tasks } = start('nodepurge', { operands: ['n1'] });
    expect(tasks.map(({ key }) => key)).toEqual(['boot', 'files']);
    expect((tasks[1]?.spec as unknown as FilesSpec).files).toMatchObject([{ hosts: { clear: false, remove: ['n1'] } }]);
  });

  test('a plan shows it and ends', () => {
    expect(start('noderm', { operands: ['n1'], plan: true }).what).toEqual(['commit', 'run', 'done']);
  });

  test.each<[string, Parameters<typeof start>]>([
    ['a server that is away', ['noderm', { operands: ['n1'] }, 'away']],
    ['site.pruneservices=no', ['noderm', { operands: ['n1'] }, 'connected', { 'site.pruneservices': 'no' }]],
    ['rmdef without -C', ['rmdef', { operands: ['n1'], options: { t: ['node'] } }]],
  ])('%s is not waited for', (_, call) => {
    const { what } = start(...call);
    expect(what).not.toContain('run');
    expect(what.at(-1)).toBe('done');
  });
});
