import { attribute } from '../../shared/objects/index.ts';
import { imagePackKind } from '../../shared/task/image-pack.ts';
import type { ImagePackResult, ImagePackSpec } from '../../shared/task/image-pack.ts';
import type { StoreAccess } from '../../shared/task/blob.ts';
import { hasFlag, optionValue } from '../../shared/verb/asked.ts';
import type { Asked } from '../../shared/verb/asked.ts';
import type { Effect, Json, Report } from '../../shared/verb/effect.ts';
import { end } from '../../shared/verb/verb.ts';
import type { Step, Verb } from '../../shared/verb/verb.ts';
import type { View } from '../../shared/verb/view.ts';
import { builderColumn, describe, notNetboot, refusal, rootimgdirOf } from './image/description.ts';
import { bringFirst, bringLists } from './image/bring-lists.ts';
import type { Retry } from './image/bring-lists.ts';
import type { Description } from './image/description.ts';
import { managementNode } from './image/management-node.ts';
import { chooseStore, versionChanges } from './image/new-version.ts';
import { cloneFolders, clonePackTask } from './image/pack-clone.ts';
import { rootPassword } from './image/root-password.ts';
import { collectable, collectionHeard, isCollecting, startCollection, type Collection } from './image/collect.ts';

interface State {
  readonly image: string;
  readonly server: string;
  readonly at: number;
  readonly user: string;
  readonly store: string;
  /** `<osimage>@<digest>` once it is packed. */
  readonly version: string;
  /** Older versions are being taken away. */
  readonly collection: Collection | null;
  readonly retry?: Retry;
  readonly [key: string]: Json;
}

type Method = ImagePackSpec['method'];
type Compress = ImagePackSpec['compress'];

const methods: readonly Method[] = ['squashfs', 'cpio', 'tar'];
/** The usual first; whether the nodes of an archive can unpack zstd and lz4, the agent sees in the tree. */
const compressions: readonly Compress[] = ['zstd', 'pigz', 'gzip', 'xz', 'lz4'];

/** Seconds. */
const deadline = 2 * 3600;

/** Packs the tree of a diskless image into an immutable version that nodes can boot. */
export const packimage: Verb<State | null> = {
  name: 'packimage',
  version: 2,
  changes: true,
  start(asked, known) {
    const refuse = (message: string): Step<null> => end(refusal(asked.server, message));
    if (['o', 'p', 'a'].some((option) => hasFlag(asked, option))) {
      return refuse("-o, -p and -a options are obsoleted, please use 'packimage <osimage name>' instead.");
    }
    const [name] = asked.operands;
    if (name === undefined) return refuse("An image name is required, use 'packimage <osimage name>'.");
    const image = describe(known, name);
    if (image === undefined) return refuse(`Cannot find image '${name}' from the osimage table.`);
    const method = optionValue(asked, 'm') ?? 'squashfs';
    if (!isMethod(method)) return refuse(`Invalid archive method '${method}' requested`);
    const compress = optionValue(asked, 'c') ?? 'zstd';
    if (!isCompress(compress)) return refuse(`Invalid compress method '${compress}' requested`);
    const golden = image.value('provmethod') === 'sysclone';
    if (!golden && image.value('provmethod') !== 'netboot') return refuse(notNetboot(name));
    const builder = optionValue(asked, 'on') ?? known.reported('osimage', name)?.[builderColumn];
    const store = chooseStore(known, builder);
    if (store === undefined) {
      return end({
        do: 'refuse',
        code: 'failed_precondition',
        message: `Error: [${asked.server}]: No connected agent has the role 'store', which is to keep the image. Start one: hostler-agent --roles store.`,
      });
    }
    return golden ? beginGolden(asked, image, store) : begin(asked, known, image, { method, compress, store, builder });
  },
  on(state, report, known) {
    if (state === null || report.about === 'cancel') return { state, effects: [] };
    if (state.collection !== null && isCollecting(report)) return collecting(state, state.collection, report, known);
    if (report.about === 'commit') {
      if (report.outcome === 'conflict') {
        const removing = known.row('image', state.version)?.['image.state'] === 'removing';
        const todo = removing ? ` ${state.version} is being removed: hostler image gc, then pack it again.` : '';
        return end({ do: 'refuse', code: 'aborted', message: `Error: [${state.server}]: ${report.message}${todo}` });
      }
      return published(state, known);
    }
    const brought = bringLists(state, report, known);
    return brought !== undefined && 'effects' in brought ? brought : packed(state, brought ?? report, known);
  },
  migrate(state, from) {
    if (from !== 1 || typeof state !== 'object' || state === null) throw new Error('not a state of packimage');
    return { ...(state as Omit<State, 'collection'>), collection: null } as State;
  },
};

function packed(state: State, report: Extract<Report, { about: 'task' }>, known: View): Step<State | null> {
  if (report.outcome !== 'done') {
    return end({ do: 'refuse', code: report.code, message: `Error: [${state.server}]: ${report.message}`, exit: 1 });
  }
  const result = report.result as unknown as ImagePackResult;
  const version = `${state.image}@${result.manifest.digest.slice(0, 12)}`;
  if (!known.has('osimage', state.image)) {
    return end(
      refusal(
        state.server,
        `The osimage ${state.image} was removed while it was packed; the packed files stay in the store.`,
      ),
    );
  }
  return {
    state: { ...state, version },
    effects: [{ do: 'commit', key: 'version', changes: versionChanges(state, version, result, report.agent, known) }],
  };
}

/** The version is the current one. What nothing needs any more goes. */
function published(state: State, known: View): Step<State | null> {
  const said: Effect = { do: 'say', text: `The image is ${state.version}; nodeset gives it to nodes.\n` };
  const old = collectable(known, state.image);
  if (old.length === 0) return end(said, { do: 'done', exit: 0 });
  const { state: collection, effects } = startCollection(known, old);
  return { state: { ...state, collection }, effects: [said, ...effects] };
}

/** The image is there, whatever becomes of older ones. */
function collecting(state: State, collection: Collection, report: Report, known: View): Step<State | null> {
  const step = collectionHeard(collection, report, known);
  if (step.ended === undefined) return { state: { ...state, collection: step.state }, effects: step.effects };
  const { text, whole } = step.ended;
  return end(...step.effects, { do: 'say', text: `${text}\n`, error: !whole }, { do: 'done', exit: 0 });
}

interface Choice {
  readonly method: Method;
  readonly compress: Compress;
  readonly store: StoreAccess;
  readonly builder: string | undefined;
}

function begin(asked: Asked, known: View, image: Description, choice: Choice): Step<State> {
  const rootimgdir = rootimgdirOf(image, asked);
  const spec: ImagePackSpec = {
    image: image.name,
    rootimgdir,
    method: choice.method,
    compress: choice.compress,
    exlist: image.list('exlist'),
    synclists: hasFlag(asked, 'nosyncfiles') ? [] : image.list('synclists'),
    key: known.reported('manager', 'self')?.['manager.imagekey'] ?? '',
    rootPassword: rootPassword(known),
    timezone: attribute(known, 'site', 'clustersite', 'timezone')?.value ?? '',
    store: choice.store,
    info: { osvers: image.value('osvers'), arch: image.value('osarch'), profile: image.value('profile') },
  };
  const lines = [`Packing contents of ${rootimgdir}/rootimg`, `archive method:${choice.method}`];
  if (choice.method !== 'squashfs') lines.push(`compress method:${choice.compress}`);
  const effects: Effect[] = [{ do: 'say', text: `${lines.join('\n')}\n` }];
  const task = {
    ...{ key: 'pack', kind: imagePackKind, title: `Pack ${image.name}`, deadline },
    spec: { ...spec, store: { ...choice.store } },
  };
  // The tree lies on the disk of the agent that built it; one that nobody built was brought to the management node.
  const on =
    choice.builder === undefined
      ? (managementNode(known, asked.server, ['build']) ?? {
          role: 'build',
          arch: image.value('osarch'),
          cross: true,
        })
      : { role: 'build', agent: choice.builder };
  const lists = {
    image: image.name,
    pkglist: [],
    otherpkglist: [],
    postinstall: [],
    environment: {},
    exlist: spec.exlist,
    synclists: spec.synclists ?? [],
  };
  const retry = { task, lists, agent: '', problem: '' };
  if (lists.synclists.length > 0) {
    const first = bringFirst(known, {
      server: asked.server,
      image: image.name,
      agent: 'agent' in on ? on.agent : undefined,
      retry,
    });
    if (first !== undefined) {
      effects.push(first.effect);
      return { state: { ...stateOf(asked, image, choice.store), retry: first.retry }, effects };
    }
  }
  effects.push({ do: 'run', task: { ...task, on } });
  return { state: { ...stateOf(asked, image, choice.store), retry }, effects };
}

/** A golden tree, after it was edited or laid there by hand; a capture packs what it fetched by itself. */
function beginGolden(asked: Asked, image: Description, store: StoreAccess): Step<State> {
  const task = clonePackTask(image, asked.folders.install, store);
  const text = `Packing contents of ${cloneFolders(image, asked.folders.install).tree}\n`;
  return {
    state: stateOf(asked, image, store),
    effects: [
      { do: 'say', text },
      { do: 'run', task },
    ],
  };
}

function stateOf(asked: Asked, image: Description, store: StoreAccess): State {
  const { server, at, user } = asked;
  return { image: image.name, server, at, user, store: store.agent, version: '', collection: null };
}

function isMethod(word: string): word is Method {
  return methods.some((known) => known === word);
}

function isCompress(word: string): word is Compress {
  return compressions.some((known) => known === word);
}
