import { expandNoderange, missingNodesText } from '../../shared/noderange/index.ts';
import { objectNames } from '../../shared/objects/index.ts';
import { nimKinds, type NimCheckSpec, type NimShowSpec } from '../../shared/task/nim.ts';
import { hasFlag, optionValue } from '../../shared/verb/asked.ts';
import type { Json } from '../../shared/verb/effect.ts';
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
  shortName,
} from './nim/common.ts';

/** `hostler nim show [NAME...]` and `hostler nim check [NAME...]`: for people without a login on the master. */
export const nim: Verb<{ readonly server: string } | null> = {
  name: 'nim',
  version: 1,
  changes: false,
  start(asked, known): Step<{ readonly server: string } | null> {
    const [action, ...names] = asked.operands;
    if (action !== 'show' && action !== 'check')
      return refuse(asked, 'Say what to do: nim show [NAME...], or nim check [NAME...].');
    if (hasFlag(asked, 'ssl') && (action !== 'check' || names.length === 0))
      return refuse(asked, 'Say of which nodes: nim check --ssl NODE...');
    const range = hasFlag(asked, 'ssl')
      ? expandNoderange(known, names.join(','), { verify: true, files: asked.files })
      : undefined;
    if (range !== undefined && range.missing.length > 0)
      return refuse(asked, missingNodesText(range.missing).trimEnd());
    const ssl = range?.nodes.map(shortName);
    const spec: NimShowSpec | NimCheckSpec =
      action === 'show'
        ? { names, long: hasFlag(asked, 'long'), filter: optionValue(asked, 'type') ?? '' }
        : ssl !== undefined
          ? { resources: [], recover: hasFlag(asked, 'recover'), ssl }
          : {
              resources: named(known).filter(({ name }) => names.length === 0 || names.includes(name)),
              recover: hasFlag(asked, 'recover'),
            };
    const unknown =
      action === 'check' && ssl === undefined
        ? names.filter((name) => !named(known).some((resource) => resource.name === name))
        : [];
    if (unknown.length > 0) return refuse(asked, `No osimage names a NIM resource ${unknown.join(', ')}.`);
    const task = {
      key: action,
      kind: action === 'show' ? nimKinds.show : nimKinds.check,
      title: `nim ${action}`,
      on: nimMaster(known),
      spec: spec as unknown as Json,
      lock: buildLock(nimMaster(known)),
    };
    return {
      state: { server: asked.server },
      effects: [{ do: 'run', task: action === 'show' ? { ...task, lock: 'nim-show' } : task }],
    };
  },
  on(state, report) {
    if (state === null || report.about !== 'task') return { state, effects: [] };
    if (report.outcome !== 'done')
      return end({ do: 'refuse', code: report.code, message: `Error: [${state.server}]: ${report.message}` });
    const result = report.result as { text?: string; missing?: string[]; lines?: string[]; broken?: string[] };
    const complaints = (result.missing ?? []).map((name) => ({
      do: 'say' as const,
      text: `Error: [${state.server}]: There is no NIM object named '${name}'.\n`,
      error: true,
    }));
    const text = result.text === undefined || result.text === '' ? [] : [{ do: 'say' as const, text: result.text }];
    const well = result.lines?.length === 0 ? ['Everything that was looked at is there and ready.'] : [];
    const lines = [...(result.lines ?? []), ...well].map((line) => say(line));
    return end(...text, ...lines, ...complaints, {
      do: 'done',
      exit: complaints.length > 0 || (result.broken ?? []).length > 0 ? 1 : 0,
    });
  },
};

/** Every NIM resource that some osimage names. */
function named(known: View): { type: string; name: string; location: string }[] {
  const all = objectNames(known, 'osimage')
    .filter((image) => isNimImage(known, image))
    .flatMap((image) => {
      const held = imageAttributes(known, image);
      return resourceTypes.flatMap((type) =>
        (held[type] ?? '')
          .split(',')
          .filter((name) => name !== '')
          .map((name) => ({ type, name, location: '' })),
      );
    });
  return [...new Map(all.map((resource) => [resource.name, resource])).values()];
}
