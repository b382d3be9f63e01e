import { attribute } from '../../../shared/objects/index.ts';
import { clustersite } from '../../../shared/schema/index.ts';
import type { Step, Verb } from '../../../shared/verb/verb.ts';
import type { View } from '../../../shared/verb/view.ts';
import { type Forgetting, forgetting, forgotten } from '../services/forget-nodes.ts';
import { committed, withNodes } from './answers.ts';

/**
 * noderm and nodepurge: nodes go with everything that is kept under them; what their groups say stays. Boot servers
 * forget them, for noderm unless site.pruneservices says no; nodepurge takes their lines of the hosts file away, too.
 */
export function removingVerb(name: 'noderm' | 'nodepurge'): Verb<Forgetting | null> {
  return {
    name,
    version: 1,
    changes: true,
    start(asked, known) {
      const [range = ''] = asked.operands;
      return withNodes(asked, known, range, (nodes): Step<Forgetting | null> => {
        const changes = nodes.map((node) => ({ type: 'node', name: node, remove: true as const }));
        const step = committed(asked, known, changes);
        const all = name === 'nodepurge';
        return all || prunes(known) ? forgetting(asked, known, nodes, { hosts: all }, step) : step;
      });
    },
    on: forgotten,
  };
}

function prunes(known: View): boolean {
  return !/^(n|no|0)$/i.test(attribute(known, 'site', clustersite, 'pruneservices')?.value ?? '');
}
