import { changeFor } from '../../shared/objects/index.ts';
import { nimKinds, type NimImageResult } from '../../shared/task/nim.ts';
import { hasFlag, type Asked } from '../../shared/verb/asked.ts';
import type { Effect, Json } from '../../shared/verb/effect.ts';
import { end, type Step, type Verb } from '../../shared/verb/verb.ts';
import type { View } from '../../shared/verb/view.ts';
import { buildLock, nimMaster, refuse, say, site, splitPairs, verbosely } from './nim/common.ts';
import { planImage } from './nim/image-plan.ts';
import { planUpdate } from './nim/image-update.ts';
import { copiesFiles } from './nim/replicas.ts';
import { otherMasters } from './nim/servers.ts';
import { onUpdate, startUpdate, type UpdateWork } from './nim/update-work.ts';

interface State {
  readonly image: string;
  readonly server: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** The SPOT of an image that is there is changed; its definition is not. null: an image is made. */
  readonly update: UpdateWork | null;
  readonly [key: string]: Json;
}

const summary =
  'The following xCAT osimage definition was created. Use the xCAT lsdef command \nto view the xCAT definition and the AIX lsnim command to view the individual \nNIM resources that are included in this definition.';

/** Makes the NIM resources of an AIX image and its osimage definition; what is there already is checked and used. */
export const mknimimage: Verb<State | null> = {
  name: 'mknimimage',
  version: 2,
  changes: true,
  start(asked, known) {
    const { names, pairs, bad } = splitPairs(asked.operands);
    if (bad !== undefined) return refuse(asked, `Incorrect 'attr=val' pair - ${bad}`, 3);
    const [image, ...more] = names;
    if (image === undefined || more.length > 0)
      return refuse(asked, 'The image name and either the -s or -i option are required.');
    if (hasFlag(asked, 'u')) return update(asked, known, image, pairs);
    const plan = planImage(asked, known, image, pairs);
    if ('trouble' in plan) return refuse(asked, plan.trouble, plan.exit);
    return {
      state: { image, server: asked.server, attributes: { ...plan.attributes }, update: null },
      effects: [
        {
          do: 'run',
          task: {
            key: 'image',
            kind: nimKinds.image,
            title: `Make the NIM resources of ${image}`,
            on: nimMaster(known),
            spec: verbosely(asked, plan.spec) as unknown as Json,
            uninterruptible: true,
            lock: buildLock(nimMaster(known)),
          },
        },
      ],
    };
  },
  on(state, report, known) {
    if (state === null || report.about === 'cancel') return { state, effects: [] };
    if (report.about === 'commit') {
      if (report.outcome === 'conflict')
        return end({ do: 'refuse', code: 'aborted', message: `Error: [${state.server}]: ${report.message}` });
      const lines = Object.entries(state.attributes).sort(([a], [b]) => (a < b ? -1 : 1));
      return {
        state,
        effects: [
          say(
            `${summary}\n\nObject name: ${state.image}\n${lines.map(([key, value]) => `\t${key}=${value}`).join('\n')}`,
          ),
          { do: 'done', exit: 0 },
        ],
      };
    }
    if (state.update !== null) return asState(state.image, onUpdate(state.update, report, known));
    if (report.outcome !== 'done')
      return end({
        do: 'refuse',
        code: report.code,
        message: `Error: [${state.server}]: Could not create the image ${state.image}. ${report.message}`,
      });
    const result = report.result as unknown as NimImageResult;
    const attributes = { ...state.attributes, ...result.resources };
    const effects: Effect[] = result.lines.map((line) => say(`${state.server}: ${line}`));
    effects.push({ do: 'commit', key: 'define', changes: [changeFor(known, 'osimage', state.image, attributes)] });
    return { state: { ...state, attributes }, effects };
  },
};

function update(asked: Asked, known: View, image: string, pairs: ReadonlyMap<string, string>): Step<State | null> {
  const plan = planUpdate(known, image, pairs);
  if ('trouble' in plan) return refuse(asked, plan.trouble);
  const work: UpdateWork = {
    server: asked.server,
    image,
    spec: verbosely(asked, plan.spec) as unknown as Json,
    servers: copiesFiles(known, false) ? otherMasters(known, image) : [],
    base: `${site(known, 'installdir') || asked.folders.install}/nim`,
    open: [],
  };
  return asState(image, startUpdate(work, known));
}

function asState(image: string, { state: update, effects }: Step<UpdateWork | null>): Step<State | null> {
  if (update === null) return { state: null, effects };
  return { state: { image, server: update.server, attributes: {}, update }, effects };
}
