import type { View } from '../../../shared/verb/view.ts';
import { currentVersion, type ImageVersion, type NoVersion } from '../boot/image-version.ts';
import { nodeFacts, servedOf } from '../boot/node-plan.ts';
import type { Cluster } from '../boot/service-plan.ts';
import type { PlanFor, Wanted } from '../boot/tasks.ts';

/** Nodes as DHCP is to know them, and why others cannot be known to it. */
export interface DhcpNodes {
  readonly wanted: readonly Wanted[];
  readonly troubles: ReadonlyMap<string, string>;
}

/**
 * Each node with what nodeset set for it: makedhcp changes addresses, not what a node boots. Whoever was set to an image
 * that has a newer version since keeps its entry, for a new one would boot the newer version.
 */
export function dhcpNodes(
  asked: PlanFor,
  known: View,
  cluster: Cluster,
  nodes: readonly string[],
  away: boolean,
): DhcpNodes {
  const site = { networks: cluster.networks, master: cluster.master };
  const versions = new Map<string, ImageVersion | NoVersion>();
  const versionOf = (image: string): ImageVersion | NoVersion => {
    const found = versions.get(image) ?? currentVersion(known, image, asked.server, asked.folders.install);
    versions.set(image, found);
    return found;
  };
  const wanted: Wanted[] = [];
  const troubles = new Map<string, string>();
  for (const name of nodes) {
    const facts = nodeFacts(known, name);
    const served = servedOf(known, facts, site);
    if ('trouble' in served) {
      troubles.set(name, served.trouble);
      continue;
    }
    const pinned = known.row('node', name)?.['hostler.image'] ?? '';
    if (pinned === '' || away) {
      wanted.push({ facts, served, away });
      continue;
    }
    const version = versionOf(facts.value('provmethod'));
    if ('trouble' in version || version.digest !== pinned) {
      const why = 'trouble' in version ? version.trouble : 'its image has a newer version';
      troubles.set(name, `${why}; its entry stays as nodeset made it: nodeset ${name} osimage`);
    } else wanted.push({ facts, served, version, away });
  }
  return { wanted, troubles };
}
