import { attribute, commaList } from '../../shared/objects/index.ts';
import { mediaKind } from '../../shared/task/media.ts';
import type { MediaCopied, MediaFound, MediaSpec } from '../../shared/task/media.ts';
import { hasFlag, optionValue } from '../../shared/verb/asked.ts';
import type { Asked } from '../../shared/verb/asked.ts';
import type { Effect, Json, Report, Requirement } from '../../shared/verb/effect.ts';
import { end } from '../../shared/verb/verb.ts';
import type { Step, Verb } from '../../shared/verb/verb.ts';
import type { View } from '../../shared/verb/view.ts';
import { refusal, words } from './image/description.ts';
import { osdistroChange, osdistroName, osimageChanges } from './media/osimages.ts';

interface State {
  readonly server: string;
  readonly media: readonly string[];
  /** The one at work. */
  readonly at: number;
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
  readonly found: MediaFound | null;
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
      ...{ server: asked.server, media: asked.operands, at: 0, path, inspect, found: null, exit: 0 },
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
      if (report.outcome === 'done') return next(state, []);
      const message = `Error: [${state.server}]: Error when updating the osimage tables: ${report.message}`;
      return end({ do: 'refuse', code: 'aborted', message });
    }
    if (report.key.startsWith('look')) return looked(state, report, known);
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
  const row = known.reported('agent', server);
  const roles = row?.['agent.state'] === 'revoked' ? [] : words(row?.['agent.roles'] ?? '');
  const role = ['build', 'store'].find((one) => roles.includes(one));
  return role === undefined ? { role: 'build' } : { role, agent: server };
}

function look(state: State): Effect {
  return task(state, 'inspect', `look-${state.at}`, `Look at ${medium(state)}`, []);
}

function task(state: State, action: MediaSpec['action'], key: string, title: string, dirpaths: string[]): Effect {
  const { name, arch, path, installdir, nonoverwrite, found } = state;
  const on: Requirement = state.on;
  const spec = { action, medium: medium(state), name, arch, path, installdir, dirpaths, nonoverwrite };
  const lock = found === null ? {} : { lock: `media:${found.path}` };
  return { do: 'run', task: { key, kind: mediaKind, title, on, spec, deadline, ...lock } };
}

function medium(state: State): string {
  return state.media[state.at] ?? '';
}

function looked(state: State, report: TaskReport, known: View): Step<State | null> {
  const named: Effect[] = state.inspect && !state.json ? [{ do: 'say', text: `OS Image:${medium(state)}\n` }] : [];
  if (report.outcome !== 'done') return end(...named, failure(state, report));
  const { found } = report.result as unknown as { found: MediaFound | null };
  if (found === null) {
    const text = `Error: [${state.server}]: copycds could not identify the ISO supplied, you may wish to try -n <osver>\n`;
    return next({ ...state, exit: 1 }, [...named, { do: 'say', text, error: true }]);
  }
  if (state.inspect) {
    const { osvers, shownArch, disc } = found;
    if (state.json) {
      const value = { image: medium(state), distname: osvers, arch: shownArch, discno: disc };
      return next(state, [{ do: 'data', value }]);
    }
    const text = `DISTNAME:${osvers}\nARCH:${shownArch}\n${disc === '' ? '' : `DISCNO:${disc}\n`}`;
    return next(state, [...named, { do: 'say', text }]);
  }
  const copying = { ...state, found };
  const dirpaths = commaList(attribute(known, 'osdistro', osdistroName(found), 'dirpaths')?.value ?? '');
  return {
    state: copying,
    effects: [
      { do: 'say', text: `Copying media to ${found.target}\n` },
      task(copying, 'copy', `copy-${state.at}`, `Copy ${medium(state)}`, dirpaths),
    ],
  };
}

function copied(state: State, report: TaskReport, known: View): Step<State | null> {
  const { found } = state;
  if (report.outcome !== 'done' || found === null) {
    const text = `Error: [${state.server}]: Media copy operation failed, status 1\n`;
    return end({ do: 'say', text, error: true }, failure(state, report));
  }
  const result = report.result as unknown as MediaCopied;
  const warnings: Effect[] = result.warnings.map((line) => ({
    do: 'say',
    text: `Warning: [${state.server}]: ${line}\n`,
    error: true,
  }));
  if (result.outcome === 'present') {
    return next(state, [{ do: 'say', text: 'The disc iso has already been copied in!\n' }]);
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

function failure(state: State, report: TaskReport): Effect {
  const [code, message] =
    report.outcome === 'done'
      ? (['internal', 'The medium was not looked at.'] as const)
      : [report.code, report.message];
  return { do: 'refuse', code, message: `Error: [${state.server}]: ${message}`, exit: 1 };
}

/** On to the next medium, or the end. */
function next(state: State, effects: readonly Effect[]): Step<State | null> {
  const on = { ...state, at: state.at + 1, found: null };
  if (on.at >= on.media.length) return end(...effects, { do: 'done', exit: state.exit });
  return { state: on, effects: [...effects, look(on)] };
}
