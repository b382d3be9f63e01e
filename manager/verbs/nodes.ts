import { expandNoderange } from '../../shared/noderange/index.ts';
import { attribute, objectNames } from '../../shared/objects/index.ts';
import { hasFlag } from '../../shared/verb/asked.ts';
import type { Effect } from '../../shared/verb/effect.ts';
import { end, type Verb } from '../../shared/verb/verb.ts';
import type { View } from '../../shared/verb/view.ts';
import { columns } from './image/text.ts';
import { currentName, versionsOf } from './image/versions.ts';
import { noSuchNodes } from './tables/answers.ts';

interface NodeImage {
  readonly node: string;
  readonly osimage: string;
  /** Names of versions where they are known, digests otherwise; empty: none. */
  readonly wanted: string;
  readonly runs: string;
  readonly status: string;
  /** It says that it runs something else than nodeset gave it, or nothing while it should. */
  readonly stale: boolean;
  /** A newer version of its osimage is the current one: nodeset has not given it to this node. */
  readonly outdated: boolean;
  readonly [field: string]: string | boolean;
}

/** `hostler nodes [--stale] [NODERANGE]`: what each node is to run, and what it says that it runs. */
export const nodes: Verb<null> = {
  name: 'nodes',
  version: 1,
  changes: false,
  start(asked, known) {
    const range = asked.operands.join(',');
    const found =
      range === ''
        ? { nodes: objectNames(known, 'node'), missing: [] }
        : expandNoderange(known, range, { verify: true, files: asked.files });
    if (found.missing.length > 0) {
      return noSuchNodes(found.missing);
    }
    const names = new Map<string, string>();
    for (const { root, name } of [...versionsOf(known)].reverse()) names.set(root, name);
    const all = found.nodes.map((node) => imageOf(known, node, names));
    const shown = hasFlag(asked, 'stale') ? all.filter(({ stale }) => stale) : all;
    if (asked.json) {
      return end(...shown.map((value): Effect => ({ do: 'data', value })), { do: 'done', exit: 0 });
    }
    if (shown.length === 0) {
      const text = hasFlag(asked, 'stale') ? 'Every node runs what it should.\n' : 'There are no nodes.\n';
      return end({ do: 'say', text }, { do: 'done', exit: 0 });
    }
    const rows = shown.map((one) => [one.node, one.status || '-', one.wanted || '-', one.runs || '-', note(one)]);
    return end(
      { do: 'say', text: columns([['node', 'status', 'is to run', 'runs', ''], ...rows]) },
      { do: 'done', exit: 0 },
    );
  },
};

function imageOf(known: View, node: string, names: ReadonlyMap<string, string>): NodeImage {
  const wanted = known.row('node', node)?.['hostler.image'] ?? '';
  const reported = known.reported('node', node) ?? {};
  const runs = reported['hostler.runningimage'] ?? '';
  const osimage = attribute(known, 'node', node, 'provmethod')?.value ?? '';
  const named = (digest: string): string => names.get(digest) ?? digest.slice(0, 12);
  const current = wanted === '' ? undefined : currentName(known, osimage);
  return {
    node,
    osimage,
    wanted: named(wanted),
    runs: named(runs),
    status: reported['nodelist.status'] ?? '',
    stale: wanted !== '' && runs !== wanted,
    outdated: current !== undefined && known.row('image', current)?.['image.root'] !== wanted,
  };
}

function note({ stale, outdated, runs }: NodeImage): string {
  if (stale) return runs === '' ? 'stale: it runs no image' : 'stale: its next boot takes the other';
  return outdated ? 'a newer version is current: nodeset' : '';
}
