import { imageTestKind, type ImageTestResult, type ImageTestSpec } from '../../shared/task/image-test.ts';
import type { CloneLookResult } from '../../shared/task/clone-tree.ts';
import { storeVerifyKind, type StoreVerifyResult } from '../../shared/task/store.ts';
import { hasFlag, optionValue, type Asked } from '../../shared/verb/asked.ts';
import type { Change, Effect, Json, Report, TaskRequest } from '../../shared/verb/effect.ts';
import { end, type Step, type Verb } from '../../shared/verb/verb.ts';
import type { View } from '../../shared/verb/view.ts';
import { collectable, collectionHeard, isCollecting, neededFor, startCollection } from './image/collect.ts';
import type { Collection } from './image/collect.ts';
import { describe, refusal } from './image/description.ts';
import { goldenData, goldenText, isGolden, lookTask, useTask } from './image/golden.ts';
import { fieldsOf, showVersion } from './image/show.ts';
import { megabytes } from './image/text.ts';
import { blobOf, blobsOf, currentName, findVersion, signatureOf, storeOf, useChanges } from './image/versions.ts';
import { versionNamed, versionsOf, type Version } from './image/versions.ts';
import { diffed, startDiff, type DiffState } from './imgdiff.ts';
import { orRefused } from './tables/answers.ts';

interface State {
  readonly action: string;
  readonly version: string;
  readonly server: string;
  readonly user: string;
  readonly at: number;
  readonly json: boolean;
  readonly collection: Collection | null;
  /** Of a comparison under way. */
  readonly diff: DiffState | null;
  readonly [key: string]: Json;
}

const actions = ['show', 'diff', 'use', 'rollback', 'pin', 'unpin', 'rm', 'gc', 'verify', 'test'];
const usualTestSeconds = 900;

/** `hostler image ACTION ...`: the versions of images, one at a time. */
export const image: Verb<State | null> = {
  name: 'image',
  version: 1,
  changes: true,
  start: (asked, known) =>
    orRefused(asked, () => {
      const [action = '', ...words] = asked.operands;
      const [word] = words;
      const refuse = (message: string): Step<null> => end(refusal(asked.server, message));
      if (!actions.includes(action)) return refuse(`Say what to do: hostler image ${actions.join('|')} ...`);
      if (action === 'gc') return collect(asked, known, collectable(known, word));
      if (word === undefined) return refuse(`Say of which image: hostler image ${action} NAME.`);
      if (action === 'rm') return remove(asked, known, words);
      if (action === 'diff') {
        const { state, effects } = startDiff(asked, known, words);
        return { state: state === null ? null : { ...stateOf(asked, 'diff', ''), diff: state }, effects };
      }
      if (action === 'rollback') return rollBack(asked, known, word);
      const version = findVersion(known, word);
      if (action === 'show')
        return isGolden(version)
          ? withTask(asked, 'show', version, lookTask(known, version, asked.folders.install))
          : showVersion(asked, known, version);
      if (version.removing) return refuse(`${version.name} is being removed; it cannot be used any more.`);
      if (action === 'use') return use(asked, known, version);
      if (action === 'pin' || action === 'unpin') return pin(asked, version, action === 'pin');
      return action === 'verify' ? verify(asked, known, version) : test(asked, known, version);
    }),
  on(state, report, known) {
    if (state === null || report.about === 'cancel') return { state, effects: [] };
    if (state.collection !== null && isCollecting(report)) return goOn(state, state.collection, report, known);
    if (report.about === 'commit') return { state, effects: [] };
    if (state.diff !== null) {
      const step = diffed(state.diff, report);
      return { state: step.state === null ? null : { ...state, diff: step.state }, effects: step.effects };
    }
    if (state.action === 'show') return looked(state, report, known);
    if (state.action === 'use') return treeIsBack(state, report, known);
    return state.action === 'verify' ? verified(state, report, known) : tested(state, report, known);
  },
};

function use(asked: Asked, known: View, version: Version): Step<State | null> {
  if (version.current) return end({ do: 'say', text: `${version.name} is the current version already.\n` }, done(0));
  // The tree goes with it: what is packed next is made of it.
  if (isGolden(version)) return withTask(asked, 'use', version, useTask(known, version, asked.folders.install));
  return used(known, version);
}

function withTask(asked: Asked, action: string, version: Version, task: TaskRequest): Step<State> {
  const packages = hasFlag(asked, 'packages');
  return { state: { ...stateOf(asked, action, version.name), packages }, effects: [{ do: 'run', task }] };
}

function treeIsBack(state: State, report: TaskReport, known: View): Step<null> {
  if (report.outcome !== 'done') return end(refusal(state.server, report.message));
  const version = versionNamed(known, state.version);
  if (version === undefined) return end(refusal(state.server, `${state.version} was removed meanwhile.`, 2));
  return used(known, version);
}

function looked(state: State, report: TaskReport, known: View): Step<null> {
  const version = versionNamed(known, state.version);
  if (version === undefined) return end(refusal(state.server, `${state.version} was removed meanwhile.`, 2));
  if (report.outcome !== 'done') return end(refusal(state.server, report.message));
  const found = report.result as unknown as CloneLookResult;
  if (state.json) return end(goldenData(version, found), done(0));
  const packages = state['packages'] === true;
  const text = goldenText(known, { version, fields: fieldsOf(known, version), packages }, found);
  return end({ do: 'say', text }, done(0));
}

type TaskReport = Extract<Report, { about: 'task' }>;

function used(known: View, version: Version): Step<null> {
  return end(
    { do: 'commit', key: 'use', changes: useChanges(known, version) },
    { do: 'say', text: `${version.name} is the current version of ${version.osimage}; nodeset gives it to nodes.\n` },
    done(0),
  );
}

/** To the version that was packed before the current one. */
function rollBack(asked: Asked, known: View, osimage: string): Step<State | null> {
  const versions = versionsOf(known, osimage).filter(({ removing }) => !removing);
  const at = versions.findIndex(({ name }) => name === currentName(known, osimage));
  const before = at < 0 ? undefined : versions[at + 1];
  if (before !== undefined) return use(asked, known, before);
  const why = versions.length === 0 ? 'has no packed version' : 'has no version older than the current one';
  return end(
    refusal(asked.server, `${osimage} ${why}: nothing to go back to. 'hostler images ${osimage}' lists them.`),
  );
}

function pin(asked: Asked, version: Version, on: boolean): Step<null> {
  const value = on ? `${asked.user} ${new Date(asked.at).toISOString()}` : null;
  const change: Change = { type: 'image', name: version.name, values: { 'image.pinned': value }, fresh: false };
  const text = on ? `${version.name} is kept until it is unpinned.\n` : `${version.name} is not pinned any more.\n`;
  return end({ do: 'commit', key: 'pin', changes: [change] }, { do: 'say', text }, done(0));
}

function remove(asked: Asked, known: View, words: readonly string[]): Step<State | null> {
  const versions = words.map((word) => {
    // An osimage would mean its current version, which is never removed by this.
    if (known.has('osimage', word)) return undefined;
    return findVersion(known, word);
  });
  const osimage = words[versions.indexOf(undefined)];
  if (osimage !== undefined) {
    return end(refusal(asked.server, `Say which version of ${osimage}; 'hostler images ${osimage}' lists them.`));
  }
  const found = versions.filter((version) => version !== undefined);
  for (const version of found) {
    const why = neededFor(known, version);
    if (why !== undefined) return end(refusal(asked.server, `${version.name} cannot be removed: ${why}.`));
  }
  return collect(asked, known, found);
}

function collect(asked: Asked, known: View, versions: readonly Version[]): Step<State | null> {
  if (versions.length === 0) {
    return end(
      { do: 'say', text: 'No version can go: all are current, pinned, in use, or among the newest.\n' },
      done(0),
    );
  }
  const { state: collection, effects } = startCollection(known, versions);
  return { state: { ...stateOf(asked, 'gc', ''), collection }, effects };
}

function goOn(state: State, collection: Collection, report: Report, known: View): Step<State | null> {
  const step = collectionHeard(collection, report, known);
  if (step.ended === undefined) return { state: { ...state, collection: step.state }, effects: step.effects };
  const { text, whole } = step.ended;
  return end(...step.effects, { do: 'say', text: `${text}\n`, error: !whole }, done(whole ? 0 : 1));
}

/** Files in the store against their digests, and the signature against the manager's key. */
function verify(asked: Asked, known: View, version: Version): Step<State | null> {
  const { agent } = storeOf(known, version);
  const task = {
    key: 'verify',
    kind: storeVerifyKind,
    title: `Verify ${version.name}`,
    on: { agent },
    spec: { blobs: blobsOf(version) },
    deadline: 3600,
  };
  return { state: stateOf(asked, 'verify', version.name), effects: [{ do: 'run', task }] };
}

function verified(state: State, report: Extract<Report, { about: 'task' }>, known: View): Step<null> {
  if (report.outcome !== 'done') return end(refusal(state.server, report.message, 2));
  const { missing, wrong, bytes } = report.result as unknown as StoreVerifyResult;
  const version = versionNamed(known, state.version);
  if (version === undefined) return end(refusal(state.server, `${state.version} was removed meanwhile.`, 2));
  const signature = signatureOf(known, version);
  const bad = [
    ...missing.map((digest) => `${fileOf(version, digest)} (${digest}) is not in the store of ${report.agent}`),
    ...wrong.map((digest) => `${fileOf(version, digest)} (${digest}) in the store of ${report.agent} was changed`),
    ...(signature === 'good'
      ? []
      : [signature === 'none' ? 'it is not signed' : 'its signature is not of this manager']),
  ];
  if (state.json) {
    const value = { version: state.version, missing, wrong, signature, bytes };
    return end({ do: 'data', value }, done(bad.length === 0 ? 0 : 1));
  }
  if (bad.length > 0) {
    const text = bad.map((line) => `${state.version}: ${line}\n`).join('');
    return end({ do: 'say', text, error: true }, done(1));
  }
  return end(
    { do: 'say', text: `${state.version} is whole (${megabytes(bytes)}) and signed by this manager.\n` },
    done(0),
  );
}

function fileOf({ row }: Version, digest: string): string {
  const column = Object.keys(row).find((name) => row[name] === digest && name !== 'image.digest');
  return column?.slice('image.'.length) ?? 'a file';
}

function test(asked: Asked, known: View, version: Version): Step<State | null> {
  const script = optionValue(asked, 'script');
  const health = script === undefined ? '' : asked.files[script];
  if (health === undefined) return end(refusal(asked.server, `The health script ${script ?? ''} cannot be read.`));
  const store = storeOf(known, version);
  const blob = (file: 'kernel' | 'initrd' | 'root') => blobOf(version, file) ?? { digest: '', bytes: 0 };
  const spec: ImageTestSpec = {
    version: version.name,
    arch: version.row['image.arch'] ?? '',
    method: version.row['image.method'] ?? 'squashfs',
    kernel: blob('kernel'),
    initrd: blob('initrd'),
    root: blob('root'),
    manifest: version.row['image.manifest'] ?? '',
    signature: version.row['image.signature'] ?? '',
    from: store,
    health,
    words: describe(known, version.osimage)?.value('addkcmdline') ?? '',
    timeoutSeconds: Number(optionValue(asked, 'timeout') ?? usualTestSeconds) || usualTestSeconds,
  };
  const { agent = store.agent } = { agent: optionValue(asked, 'on') };
  const task = {
    key: 'test',
    kind: imageTestKind,
    title: `Test ${version.name}`,
    on: { agent: agent || store.agent },
    spec: spec as unknown as Json,
    deadline: spec.timeoutSeconds + 1800,
  };
  return { state: stateOf(asked, 'test', version.name), effects: [{ do: 'run', task }] };
}

function tested(state: State, report: Extract<Report, { about: 'task' }>, known: View): Step<null> {
  const failed = report.outcome !== 'done';
  // Only what the image itself did counts: a cancelled job, a missing program say nothing about it.
  const judged = !failed || report.message.startsWith('The image does not pass');
  const commit: Effect[] =
    judged && known.has('image', state.version)
      ? [{ do: 'commit', key: 'tested', changes: [testedChange(state, !failed)] }]
      : [];
  if (failed) {
    const text = `Error: [${state.server}]: ${report.message}\n`;
    return end(...commit, { do: 'say', text, error: true }, done(1));
  }
  const result = report.result as unknown as ImageTestResult;
  const text =
    `${state.version} passed: hello after ${result.helloSeconds} s, healthy after ${result.seconds} s ` +
    `(${result.accelerator}, kernel ${result.kernel}). Console: ${report.agent}:${result.console}\n`;
  const shown: Effect = state.json ? { do: 'data', value: { version: state.version, ...result } } : { do: 'say', text };
  return end(...commit, shown, done(0));
}

function testedChange(state: State, passed: boolean): Change {
  return {
    type: 'image',
    name: state.version,
    values: {
      'image.tested': passed ? 'passed' : 'failed',
      'image.testedat': new Date(state.at).toISOString(),
      'image.testedby': state.user,
    },
    expected: {},
    fresh: false,
  };
}

function stateOf(asked: Asked, action: string, version: string): State {
  const { server, user, at } = asked;
  return {
    action,
    version,
    server,
    user,
    at,
    json: asked.json || hasFlag(asked, 'json'),
    collection: null,
    diff: null,
  };
}

function done(exit: number): Effect {
  return { do: 'done', exit };
}
