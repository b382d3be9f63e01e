import { objectNames } from '../../shared/objects/index.ts';
import { nimKinds, type NimRemoveImageResult, type NimRemoveImageSpec } from '../../shared/task/nim.ts';
import { hasFlag, optionValue } from '../../shared/verb/asked.ts';
import type { Effect, Json, Requirement } from '../../shared/verb/effect.ts';
import { end, type Step, type Verb } from '../../shared/verb/verb.ts';
import type { View } from '../../shared/verb/view.ts';
import {
  buildLock,
  imageAttributes,
  isNimImage,
  nimMaster,
  refuse,
  resourceTypes,
  say,
  site,
  verbosely,
} from './nim/common.ts';
import { copiesFiles } from './nim/replicas.ts';
import { otherMasters } from './nim/servers.ts';

interface State {
  readonly image: string;
  readonly server: string;
  /** Tasks that are still out. */
  readonly open: readonly string[];
  /** What is in use somewhere. */
  readonly kept: readonly string[];
  /** For the prime, when the other masters have answered; null: it is not asked (-s), or has been. */
  readonly prime: Json;
  readonly failed: boolean;
  /** -s: other masters still have what the definition names. */
  readonly keepsDefinition: boolean;
  readonly [key: string]: Json;
}

/**
 * Removes the NIM resources of an image that nothing uses, from service nodes first, then its definition. Current xCAT
 * keeps the definition unless -x is given; the older documents say that it goes, and -x is accepted (xCAT command facts,
 * section 25).
 */
export const rmnimimage: Verb<State | null> = {
  name: 'rmnimimage',
  version: 2,
  changes: true,
  start(asked, known) {
    const [image, ...more] = asked.operands;
    if (image === undefined || more.length > 0) return refuse(asked, 'An image name is required.');
    if (!isNimImage(known, image)) return refuse(asked, `'${image}' is not a valid xCAT image name.`);
    const named = optionValue(asked, 's');
    if (hasFlag(asked, 'M') && named !== undefined)
      return refuse(asked, "The '-M' and '-s' options cannot be used together.");
    const held = imageAttributes(known, image);
    const wanted = resourceTypes
      .filter((type) => type !== 'lpp_source' || hasFlag(asked, 'd'))
      .flatMap((type) =>
        (held[type] ?? '')
          .split(',')
          .filter((name) => name !== '')
          .map((name) => ({ type, name })),
      );
    const shared = sharedWith(known, image, held);
    if (shared.length > 0 && !hasFlag(asked, 'f')) {
      return refuse(
        asked,
        shared.map(({ other, name }) => `The osimage ${image} and ${other} share the common resource ${name}`),
      );
    }
    const base = `${site(known, 'installdir') || asked.folders.install}/nim`;
    const deletes = hasFlag(asked, 'd');
    const spec = (files: boolean): NimRemoveImageSpec =>
      verbosely(asked, { image, resources: wanted, deleteFiles: files, base });
    const servers = hasFlag(asked, 'M') ? [] : (named?.split(',').filter((name) => name !== '') ?? otherMasters(known));
    const own = spec(deletes);
    const tasks = servers.map((agent, index) =>
      // Files that all servers share go with the prime.
      removal(`remove-${String(index + 1)}`, { role: 'nim', agent }, spec(deletes && copiesFiles(known, false))),
    );
    const state: State = {
      image,
      server: asked.server,
      open: servers.map((_, index) => `remove-${String(index + 1)}`),
      kept: [],
      prime: named === undefined ? (own as unknown as Json) : null,
      failed: false,
      keepsDefinition: named !== undefined,
    };
    return tasks.length > 0 ? { state, effects: tasks } : next(state, known);
  },
  on(state, report, known) {
    if (state === null || report.about === 'cancel') return { state, effects: [] };
    if (report.about === 'commit') {
      if (report.outcome === 'conflict')
        return end({ do: 'refuse', code: 'aborted', message: `Error: [${state.server}]: ${report.message}` });
      return end(say(`Removed the xCAT osimage definition '${state.image}'.`), { do: 'done', exit: 0 });
    }
    const open = state.open.filter((key) => key !== report.key);
    if (report.outcome !== 'done') {
      const error: Effect = { do: 'say', text: `Error: [${state.server}]: ${report.message}\n`, error: true };
      return onward({ ...state, open, failed: true }, [error], known);
    }
    const result = report.result as unknown as NimRemoveImageResult;
    const name = report.key === 'remove' ? state.server : report.agent;
    const lines = result.lines.map((line) => say(`${name}: ${line}`));
    return onward({ ...state, open, kept: [...new Set([...state.kept, ...result.kept])] }, lines, known);
  },
};

function removal(key: string, on: Requirement, spec: NimRemoveImageSpec): Effect {
  const title = `Remove the NIM resources of ${spec.image}`;
  const task = { key, kind: nimKinds.removeImage, title, on, uninterruptible: true, lock: buildLock(on) };
  return { do: 'run', task: { ...task, spec: spec as unknown as Json } };
}

function onward(state: State, said: readonly Effect[], known: View): Step<State | null> {
  if (state.open.length > 0) return { state, effects: said };
  const step = next(state, known);
  return { ...step, effects: [...said, ...step.effects] };
}

/** Everybody who was asked has answered. */
function next(state: State, known: View): Step<State | null> {
  if (state.failed)
    return end(say(`The osimage definition '${state.image}' is kept. Use -M to leave the service nodes out.`), {
      do: 'done',
      exit: 1,
    });
  if (state.prime !== null) {
    // What a service node still uses is needed to make it there again.
    const spec = state.prime as unknown as NimRemoveImageSpec;
    const resources = spec.resources.filter(({ name }) => !state.kept.includes(name));
    const task = removal('remove', nimMaster(known), { ...spec, resources });
    return { state: { ...state, prime: null, open: ['remove'] }, effects: [task] };
  }
  if (state.kept.length > 0)
    return end(say(`The osimage definition '${state.image}' is kept, because some of its resources are in use.`), {
      do: 'done',
      exit: 0,
    });
  if (state.keepsDefinition)
    return end(say(`The osimage definition '${state.image}' is kept: only these servers were asked.`), {
      do: 'done',
      exit: 0,
    });
  return {
    state,
    effects: [{ do: 'commit', key: 'definition', changes: [{ type: 'osimage', name: state.image, remove: true }] }],
  };
}

function sharedWith(
  known: View,
  image: string,
  held: Readonly<Record<string, string>>,
): { other: string; name: string }[] {
  const mine = new Set(resourceTypes.flatMap((type) => (held[type] ?? '').split(',')).filter((name) => name !== ''));
  return objectNames(known, 'osimage').flatMap((other) => {
    if (other === image || !isNimImage(known, other)) return [];
    const theirs = imageAttributes(known, other);
    return resourceTypes.flatMap((type) =>
      (theirs[type] ?? '')
        .split(',')
        .filter((name) => mine.has(name))
        .map((name) => ({ other, name })),
    );
  });
}
