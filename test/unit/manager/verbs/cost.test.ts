import { describe, expect, it } from 'vitest';
import { LiveView } from '../../../../manager/registry/tables.ts';
import { verbs } from '../../../../manager/verbs/index.ts';
import { expandNoderange } from '../../../../shared/noderange/index.ts';
import type { Asked } from '../../../../shared/verb/asked.ts';
import { asked } from '../../support/asked.ts';
import { CountingView } from '../../support/counting-view.ts';

/** Nodes as a site has them, in 50 groups of which one has values for its members. Somebody has asked for a group. */
function cluster(size: number): CountingView {
  const view = new LiveView();
  for (let number = 0; number < size; number += 1) {
    view.definitions.put('node', `n${String(number)}`, {
      'nodelist.groups': `all,compute,rack${String(number % 50)}`,
      'nodehm.mgt': 'ipmi',
      'mac.mac': '52:54:00:00:00:01',
      'nodetype.os': 'debian12',
    });
  }
  const compute = { 'nodegroup.groupname': 'compute', 'nodegroup.grouptype': 'static', 'nodepos.room': '1' };
  const group = { type: 'group', name: 'compute', after: compute };
  view.advance([group, { type: 'site', name: 'clustersite', after: { 'site.domain': 'cluster.test' } }], 1);
  const counting = new CountingView(view);
  expandNoderange(counting, 'compute', { verify: true });
  // Since then one node was changed.
  view.advance([{ type: 'node', name: 'n5', after: { 'nodelist.groups': 'all,other' } }], 2);
  return counting;
}

const sizes = [100, 100_000];

/** Rows that a command looks at, in a cluster of each size. */
function costs(verb: string, parts: Partial<Asked>): number[] {
  return sizes.map((size) => {
    const view = cluster(size);
    const before = view.rowsTouched;
    const { effects } = verbs.get(verb)?.start(asked(verb, parts), view) ?? { effects: [] };
    expect(effects.at(-1)).toEqual({ do: 'done', exit: 0 });
    return view.rowsTouched - before;
  });
}

describe('one node out of 100,000 costs what one out of 100 costs', () => {
  it.each<[string, Partial<Asked>]>([
    ['lsdef', { operands: ['n7'] }],
    ['lsdef', { operands: ['n7'], options: { i: ['groups,mgt,room'] } }],
    ['lsdef', { operands: ['n7'], json: true }],
    ['lsdef', { operands: ['n[7-9],n11'] }],
    ['nodels', { operands: ['n7'] }],
    ['nodels', { operands: ['n7', 'nodehm.mgt', 'nodepos.room'] }],
    ['mkdef', { options: { t: ['node'], o: ['fresh'] }, operands: ['groups=all', 'mgt=ipmi'] }],
    ['mkdef', { options: { stanza: [''] }, input: 'fresh:\n objtype=node\n groups=all\n mgt=ipmi\n' }],
    ['chdef', { operands: ['n7', 'usercomment=x'] }],
    ['chdef', { operands: ['n7', 'groups=more'], options: { plus: [''] } }],
    ['chdef', { operands: ['n7', 'groups=compute'], options: { minus: [''] } }],
    ['nodech', { operands: ['n7', 'nodepos.rack=r1'] }],
    ['nodeadd', { operands: ['fresh', 'groups=all'] }],
    ['chtab', { operands: ['node=n7', 'nodepos.rack=r1'] }],
    ['gettab', { operands: ['node=n7', 'nodehm.mgt'] }],
    ['rmdef', { options: { t: ['node'], o: ['n7'] } }],
    ['noderm', { operands: ['n7'] }],
  ])('%s %j', (verb, parts) => {
    const [small = 0, large] = costs(verb, parts);
    expect(small).toBeGreaterThan(0);
    expect(large).toBe(small);
  });
});
