import { attribute, commaList } from '../../../shared/objects/index.ts';
import { cloneClusterKind, type CloneClusterSpec } from '../../../shared/task/clone-cluster.ts';
import type { Effect, Json, Report, TaskRequest } from '../../../shared/verb/effect.ts';
import type { View } from '../../../shared/verb/view.ts';
import { cloneFolders } from '../image/pack-clone.ts';
import type { ImageVersion } from './image-version.ts';
import type { Wanted } from './tasks.ts';

const prefix = 'cluster';

/** SystemImager's own tools are told which node has which golden image, where the images lie: one task an image. */
export function clusterTasks(known: View, wanted: readonly Wanted[], install: string): TaskRequest[] {
  const byImage = new Map<string, { version: ImageVersion; nodes: string[] }>();
  for (const { served, version } of wanted) {
    if (version?.facts === undefined) continue;
    const found = byImage.get(version.image.name) ?? { version, nodes: [] };
    found.nodes.push(served.name);
    byImage.set(version.image.name, found);
  }
  return [...byImage.values()].map(({ version, nodes }, at) => {
    const image = version.image.name;
    const spec: CloneClusterSpec = {
      tree: cloneFolders(version.image, install).tree,
      nodes: nodes.map((host) => ({ host, groups: groupsOf(known, host), image })),
    };
    return {
      key: `${prefix}-${at + 1}`,
      kind: cloneClusterKind,
      title: `Note who has ${image}`,
      on: { role: 'store', agent: version.store.agent },
      spec: spec as unknown as Json,
      deadline: 600,
    };
  });
}

function groupsOf(known: View, node: string): string[] {
  return commaList(attribute(known, 'node', node, 'groups')?.value ?? '');
}

export const isClusterTask = (key: string): boolean => key.startsWith(`${prefix}-`);

/** Nodes are installed all the same. */
export function clusterTold(server: string, report: Extract<Report, { about: 'task' }>): Effect[] {
  if (report.outcome === 'done') return [];
  return [{ do: 'say', text: `Warning: [${server}]: cluster.txt was not written: ${report.message}\n`, error: true }];
}
