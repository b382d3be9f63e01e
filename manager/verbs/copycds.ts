import type { ErrorCode } from '../../shared/errors/error.ts';
import { attribute, commaList } from '../../shared/objects/index.ts';
import { mediaKind } from '../../shared/task/media.ts';
import type {
  MediaCalled,
  MediaCopied,
  MediaCopySpec,
  MediaFound,
  MediaLooked,
  MediaLookSpec,
} from '../../shared/task/media.ts';
import { hasFlag, optionValue } from '../../shared/verb/asked.ts';
import type { Asked } from '../../shared/verb/asked.ts';
import type { Effect, Json, Report } from '../../shared/verb/effect.ts';
import { end } from '../../shared/verb/verb.ts';
import type { Step, Verb } from '../../shared/verb/verb.ts';
import type { View } from '../../shared/verb/view.ts';
import { refusal } from './image/description.ts';
import { managementNode } from './image/management-node.ts';
import { osdistroChange, osdistroName, osimageChanges } from './media/osimages.ts';

interface State {
  readonly server: string;
  readonly media: readonly string[];
  /** The one at work. */
  readonly at: number;
  readonly looked: readonly MediaLooked[];
  /** As asked: applied to each medium. */
  readonly name: string;
  readonly arch: string;
  readonly path: string;
  readonly installdir: string;
  readonly inspect: boolean;
  readonly osimages: boolean;
  readonly nonoverwrite: boolean;
  readonly json: boolean;
  readonly on: { readonly role: string; readonly agent?: string; readonly [key: string]: Json };
  /** What the command ends with: 1 after a medium that was not recognised. */
  readonly exit: number;
  readonly [key: string]: Json;
}

type TaskReport = Extract<Report, { about: 'task' }>;

/** Seconds: a slow drive reads two megabytes a second. */
const deadline = 6 * 3600;
const plain = /^[A-Za-z0-9][\w.+-]{0,100}$/;

/** Copies installation media below /install and defines the osdistro and the osimages of their release. */
export const copycds: Verb<State | null> = {
  name: 'copycds',
  version: 1,
  changes: true,
  start(asked, known) {
    const refuse = (message: string): Step<null> => end(refusal(asked.server, message));
    if (asked.operands.length === 0) return refuse('copycds needs at least one full path to ISO currently.');
    const [name, arch] = [optionValue(asked, 'name') ?? '', optionValue(asked, 'arch') ?? ''];
    for (const [option, value] of Object.entries({ name, arch })) {
      if (value === '' || plain.test(value)) continue;
      return refuse(
        `The --${option} ${JSON.stringify(value.slice(0, 100))} may hold only letters, digits and . _ + -, for a folder is called so.`,
      );
    }
    const path = optionValue(asked, 'path') ?? '';
    const [relative] = [...asked.operands, path].filter((word) => word !== '' && !word.startsWith('/'));
    if (relative !== undefined) return refuse(`${JSON.stringify(relative.slice(0, 200))} is no full path.`);
    const inspect = hasFlag(asked, 'inspection');
    const state: State = {
      ...{ server: asked.server, media: asked.operands, at: 0, looked: [], path, inspect, exit: 0 },
      ...{ name: inspect ? '' : name, arch: inspect ? '' : arch },
      installdir: asked.folders.install,
      osimages: !hasFlag(asked, 'noosimage'),
      nonoverwrite: hasFlag(asked, 'nonoverwrite'),
      json: asked.json,
      on: placeFor(known, asked.server),
    };
    return { state, effects: [...warningsFor(asked, { name, arch, path, inspect }), look(state)] };
  },
  on(state, report, known) {
    if (state === null || report.about === 'cancel') return { state, effects: [] };
    if (report.about === 'commit') {
      if (report.outcome === 'done') return copyFrom({ ...state, at: state.at + 1 }, known, []);
      const message = `Error: [${state.server}]: Error when updating the osimage tables: ${report.message}`;
      return end({ do: 'refuse', code: 'aborted', message });
    }
    if (report.key === 'look') return looked(state, report, known);
    return copied(state, report, known);
  },
};

function warningsFor(
  asked: Asked,
  given: { readonly name: string; readonly arch: string; readonly path: string; readonly inspect: boolean },
): Effect[] {
  const effects: Effect[] = [];
  const warn = (text: string): void => {
    effects.push({ do: 'say', text: `Warning: [${asked.server}]: copycds: ${text}\n`, error: true });
  };
  const ignored = (option: string): void =>
    warn(`option --inspection specified, argument specified with option --${option} is ignored`);
  if (given.inspect && given.name !== '') ignored('name');
  if (given.inspect && given.arch !== '') ignored('arch');
  const { install } = asked.folders;
  if (given.path !== '' && !given.inspect && given.path !== install && !given.path.startsWith(`${install}/`)) {
    warn(
      `the specified path "${given.path}" is not a subdirectory under ${install}. Installers fetch from there only what a web server serves.`,
    );
  }
  return effects;
}

/**
 * A medium named on the command line lies on the management node: the agent that runs there, which has the manager's
 * name, reads it. Where there is none, any that builds images: the medium then has to be there.
 */
function placeFor(known: View, server: string): State['on'] {
  return managementNode(known, server, ['build', 'store']) ?? { role: 'build' };
}

function called({ name, arch, path, installdir }: State): MediaCalled {
  return { name, arch, path, installdir };
}

function look(state: State): Effect {
  const spec = { action: 'look', media: state.media, ...called(state) } satisfies MediaLookSpec;
  const title = `Look at ${state.media.length === 1 ? (state.media[0] ?? '') : `${state.media.length} media`}`;
  return { do: 'run', task: { key: 'look', kind: mediaKind, title, on: state.on, spec, deadline } };
}

function looked(before: State, report: TaskReport, known: View): Step<State | null> {
  if (report.outcome !== 'done') return end(failure(before, report.code, report.message));
  const result = report.result as unknown as { readonly looked: readonly MediaLooked[] };
  const state = { ...before, looked: result.looked };
  const effects: Effect[] = [];
  let exit = 0;
  for (const [at, medium] of state.media.entries()) {
    const { found, problem } = state.looked[at] ?? { found: null, problem: '' };
    if (state.inspect && !state.json) effects.push({ do: 'say', text: `OS Image:${medium}\n` });
    if (problem !== '') return end(...effects, failure(state, 'failed_precondition', problem));
    if (found === null) {
      const text = `Error: [${state.server}]: copycds could not identify the ISO supplied, you may wish to try -n <osver>\n`;
      effects.push({ do: 'say', text, error: true });
      exit = 1;
    } else if (state.inspect) effects.push(inspected(state, medium, found));
  }
  if (state.inspect) return end(...effects, { do: 'done', exit });
  return copyFrom({ ...state, exit }, known, effects);
}

function inspected(state: State, image: string, { osvers, shownArch, disc }: MediaFound): Effect {
  if (state.json) return { do: 'data', value: { image, distname: osvers, arch: shownArch, discno: disc } };
  const text = `DISTNAME:${osvers}\nARCH:${shownArch}\n${disc === '' ? '' : `DISCNO:${disc}\n`}`;
  return { do: 'say', text };
}

/** Copies the next that was recognised, or ends. */
function copyFrom(before: State, known: View, effects: readonly Effect[]): Step<State | null> {
  const at = before.looked.findIndex(({ found }, index) => index >= before.at && found !== null);
  const found = before.looked[at]?.found ?? null;
  if (found === null) return end(...effects, { do: 'done', exit: before.exit });
  const state = { ...before, at };
  const medium = state.media[at] ?? '';
  const dirpaths = commaList(attribute(known, 'osdistro', osdistroName(found), 'dirpaths')?.value ?? '');
  const { nonoverwrite } = state;
  const spec = { action: 'copy', medium, dirpaths, nonoverwrite, ...called(state) } satisfies MediaCopySpec;
  const task = {
    key: `copy-${at}`,
    kind: mediaKind,
    title: `Copy ${medium}`,
    on: state.on,
    spec: { ...spec },
    deadline,
  };
  return {
    state,
    effects: [
      ...effects,
      { do: 'say', text: `Copying media to ${found.target}\n` },
      // Two copies into one folder would take each other's files for their own.
      { do: 'run', task: { ...task, lock: `media:${found.path}` } },
    ],
  };
}

function copied(state: State, report: TaskReport, known: View): Step<State | null> {
  const found = state.looked[state.at]?.found ?? null;
  if (report.outcome !== 'done' || found === null) {
    const text = `Error: [${state.server}]: Media copy operation failed, status 1\n`;
    const [code, message] =
      report.outcome === 'done'
        ? (['internal', 'Nobody knows what was copied.'] as const)
        : [report.code, report.message];
    return end({ do: 'say', text, error: true }, failure(state, code, message));
  }
  const result = report.result as unknown as MediaCopied;
  const warnings: Effect[] = result.warnings.map((line) => ({
    do: 'say',
    text: `Warning: [${state.server}]: ${line}\n`,
    error: true,
  }));
  if (result.outcome === 'present') {
    const said: Effect = { do: 'say', text: 'The disc iso has already been copied in!\n' };
    return copyFrom({ ...state, at: state.at + 1 }, known, [said]);
  }
  const said: Effect = { do: 'say', text: `Media copy operation successful\n${summary(result)}\n` };
  const changes = [osdistroChange(known, found)];
  if (state.osimages) changes.push(...osimageChanges(known, found, result, state.installdir));
  return { state, effects: [...warnings, said, { do: 'commit', key: `objects-${state.at}`, changes }] };
}

/** `4812 files, 9.4 GB in 75 s (125 MB/s); 310 digests of the medium's own list are right` */
function summary({ files, bytes, kept, verified, seconds }: MediaCopied): string {
  const size = bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${(bytes / 1e6).toFixed(1)} MB`;
  const rate = seconds >= 1 ? ` (${Math.round(bytes / 1e6 / seconds)} MB/s)` : '';
  const found = kept === 0 ? '' : `, ${kept} of them were there already`;
  const right = verified === 0 ? 'the medium names no digests' : `${verified} digests that the medium names are right`;
  return `${files} files, ${size} in ${seconds.toFixed(0)} s${rate}${found}; ${right}.`;
}

function failure({ server }: State, code: ErrorCode, message: string): Effect {
  return { do: 'refuse', code, message: `Error: [${server}]: ${message}`, exit: 1 };
}
