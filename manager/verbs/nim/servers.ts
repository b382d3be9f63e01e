import { attribute, objectNames } from '../../../shared/objects/index.ts';
import type { View } from '../../../shared/verb/view.ts';
import { isReplica, primeOf } from './replicas.ts';

/** The other NIM masters, by the names of their agents: the service nodes of nodes, or of those with this image. */
export function otherMasters(known: View, image?: string): string[] {
  if (primeOf(known) === '') return [];
  const found = new Set<string>();
  for (const node of objectNames(known, 'node')) {
    const value = (name: string): string => attribute(known, 'node', node, name)?.value ?? '';
    const servers = value('servicenode');
    if (servers === '' || (image !== undefined && value('provmethod') !== image)) continue;
    for (const server of servers.split(',').slice(0, 2)) if (server.trim() !== '') found.add(server.trim());
  }
  return [...found].filter((agent) => isReplica(known, { agent })).sort();
}
