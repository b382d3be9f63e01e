/** A line of `scripts/cluster.txt`: `host:group:image:override` (facts systemimager.md, section 5.1). */
export interface ClusterLine {
  readonly host: string;
  /** The most important first. */
  readonly groups: readonly string[];
  readonly image: string;
}

const head = `# Written by Hostler: which node has which image, for SystemImager's own tools. Lines of other nodes are kept.
# global overrides: global
`;

/**
 * The file with these nodes' lines in place of their old ones; names are compared as a whole. One line an override of a
 * group, in the order of the groups, or one with an empty last field.
 */
export function clusterText(before: string, nodes: readonly ClusterLine[], overrides: readonly string[]): string {
  const hosts = new Set(nodes.map(({ host }) => host));
  const kept = before
    .split('\n')
    .filter((line) => line !== '' && !head.includes(`${line}\n`) && !hosts.has(line.split(':', 1)[0] ?? ''));
  const fresh = nodes.flatMap(({ host, groups, image }) => {
    const laid = groups.filter((group) => overrides.includes(group));
    return laid.length === 0
      ? [`${host}:${groups[0] ?? 'compute'}:${image}:`]
      : laid.map((group) => `${host}:${group}:${image}:${group}`);
  });
  return `${head}${[...kept, ...fresh].map((line) => `${line}\n`).join('')}`;
}
