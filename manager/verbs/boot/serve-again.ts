import { attribute } from '../../../shared/objects/index.ts';
import type { TaskRequest } from '../../../shared/verb/effect.ts';
import type { View } from '../../../shared/verb/view.ts';
import { dhcpNodes } from '../services/dhcp-nodes.ts';
import { serversOf } from './node-plan.ts';
import { clusterOf } from './service-plan.ts';
import { tasksFor, type PlanFor } from './tasks.ts';

/**
 * What a service node that has just booted is to serve: whoever nodeset gave a state names it as a service node. It has
 * forgotten all that, unless it has a disk for it. Undefined where there is nothing to be served; the task's `nodes`
 * are told nothing new, each gets what it was set to.
 */
export function serveAgain(
  asked: PlanFor,
  known: View,
  server: string,
): { readonly task: TaskRequest | undefined; readonly troubles: readonly string[] } {
  const behind = [...known.rows('node')]
    .filter(([, row]) => (row['chain.currstate'] ?? '') !== '')
    .map(([name]) => name)
    .filter((name) => serversOf(attribute(known, 'node', name, 'servicenode')?.value ?? '').includes(server));
  if (behind.length === 0) return { task: undefined, troubles: [] };
  const cluster = clusterOf(known);
  const { wanted, troubles } = dhcpNodes(asked, known, cluster, behind, false);
  // Others of its pool serve them all the time.
  const own = wanted.map((one) => ({ ...one, served: { ...one.served, servers: [server] } }));
  const planned = tasksFor(asked, known, cluster, own);
  const said = [...troubles, ...planned.troubles].map(([name, trouble]) => `${name}: ${trouble}`);
  return { task: planned.tasks[0]?.request, troubles: said };
}
