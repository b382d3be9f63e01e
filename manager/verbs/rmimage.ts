import { imageRemoveKind } from '../../shared/task/image-export.ts';
import { hasFlag } from '../../shared/verb/asked.ts';
import type { Change, Effect, Json, Report } from '../../shared/verb/effect.ts';
import { end, type Step, type Verb } from '../../shared/verb/verb.ts';
import type { View } from '../../shared/verb/view.ts';
import { collectionHeard, isCollecting, startCollection, type Collection } from './image/collect.ts';
import { builderColumn, describe, refusal, rootimgdirOf } from './image/description.ts';
import { nodesByRoot, versionsOf } from './image/versions.ts';

interface State {
  readonly image: string;
  readonly server: string;
  readonly definition: boolean;
  readonly collection: Collection | null;
  readonly [key: string]: Json;
}

const deadline = 3600;

/** rmimage: the tree of a diskless image and its packed versions; with --xcatdef the definition too. */
export const rmimage: Verb<State | null> = {
  name: 'rmimage',
  version: 1,
  changes: true,
  start(asked, known) {
    const refuse = (message: string): Step<null> => end(refusal(asked.server, message));
    const [name, ...more] = asked.operands;
    if (name === undefined || more.length > 0)
      return refuse("An image name is required, use 'rmimage <osimage name>'.");
    const image = describe(known, name);
    if (image === undefined) return refuse(`Cannot find image '${name}' from the osimage table.`);
    if (!['netboot', 'statelite'].includes(image.value('provmethod'))) {
      return refuse(`'${name}' is no diskless image: there is nothing of it to remove.`);
    }
    const { wanted, running } = nodesByRoot(known);
    const used = versionsOf(known, name).find(({ root }) => wanted.has(root) || running.has(root));
    if (used !== undefined) {
      const count = Math.max(wanted.get(used.root) ?? 0, running.get(used.root) ?? 0);
      const who =
        count === 1 ? `1 node is to run ${used.name}, or does` : `${count} nodes are to run ${used.name}, or do`;
      return refuse(`${name} cannot be removed: ${who}. nodeset ${count === 1 ? 'it' : 'them'} elsewhere first.`);
    }
    const pinned = versionsOf(known, name).find(({ row }) => row['image.pinned'] !== undefined);
    if (pinned !== undefined) return refuse(`${name} cannot be removed: ${pinned.name} is pinned.`);
    const builder = known.reported('osimage', name)?.[builderColumn] ?? packer(known, name);
    const state: State = { image: name, server: asked.server, definition: hasFlag(asked, 'xcatdef'), collection: null };
    // Nothing was ever built: there is no tree on anybody's disk.
    if (builder === undefined) return treeGone(state, known, []);
    const task = {
      key: 'tree',
      kind: imageRemoveKind,
      title: `Remove the tree of ${name}`,
      on: { role: 'build', agent: builder },
      spec: { rootimgdir: rootimgdirOf(image, asked) },
      deadline,
    };
    return { state, effects: [{ do: 'run', task }] };
  },
  on(state, report, known) {
    if (state === null || report.about === 'cancel') return { state, effects: [] };
    if (state.collection !== null && isCollecting(report)) return collecting(state, state.collection, report, known);
    if (report.about === 'task') {
      return report.outcome === 'done' ? treeGone(state, known, []) : end(refusal(state.server, report.message));
    }
    if (report.outcome === 'conflict') return end(refusal(state.server, `${report.message} Run rmimage again.`));
    return forgotten(state, known);
  },
};

/** Who packed it has its tree. */
function packer(known: View, osimage: string): string | undefined {
  const packers = versionsOf(known, osimage).map(({ row }) => row['image.builtby'] ?? '');
  return packers.find((agent) => known.reported('agent', agent) !== undefined);
}

/** No version is the current one any more, so that all may go. */
function treeGone(state: State, known: View, before: readonly Effect[]): Step<State | null> {
  const { image, definition } = state;
  const row = known.row('osimage', image);
  if (row === undefined) return forgotten(state, known);
  const change: Change = definition
    ? { type: 'osimage', name: image, remove: true }
    : { type: 'osimage', name: image, values: { 'hostler.current': null, 'hostler.version': null } };
  const commit: Effect = { do: 'commit', key: 'forget', changes: [change] };
  return {
    state,
    effects: [...before, commit, { do: 'observe', type: 'osimage', name: image, values: { [builderColumn]: null } }],
  };
}

function forgotten(state: State, known: View): Step<State | null> {
  const said: Effect = {
    do: 'say',
    text: `The image ${state.image} was removed${state.definition ? ', with its definition' : ''}.\n`,
  };
  const versions = versionsOf(known, state.image);
  if (versions.length === 0) return end(said, { do: 'done', exit: 0 });
  const { state: collection, effects } = startCollection(known, versions);
  return { state: { ...state, collection }, effects: [said, ...effects] };
}

function collecting(state: State, collection: Collection, report: Report, known: View): Step<State | null> {
  const step = collectionHeard(collection, report, known);
  if (step.ended === undefined) return { state: { ...state, collection: step.state }, effects: step.effects };
  const { text, whole } = step.ended;
  return end(...step.effects, { do: 'say', text: `${text}\n`, error: !whole }, { do: 'done', exit: whole ? 0 : 1 });
}
