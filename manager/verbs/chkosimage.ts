import { nimKinds } from '../../shared/task/nim.ts';
import { hasFlag } from '../../shared/verb/asked.ts';
import { end, type Step, type Verb } from '../../shared/verb/verb.ts';
import type { Json } from '../../shared/verb/effect.ts';
import { imageAttributes, isNimImage, nimMaster, refuse, resourceTypes, say } from './nim/common.ts';

interface State {
  readonly image: string;
  readonly server: string;
  readonly [key: string]: Json;
}

/** Looks whether everything that an AIX image names is there and ready on the NIM master. */
export const chkosimage: Verb<State | null> = {
  name: 'chkosimage',
  version: 1,
  // -c does.
  changes: true,
  start(asked, known): Step<State | null> {
    const [image, ...more] = asked.operands;
    if (image === undefined || more.length > 0) return refuse(asked, 'An image name is required.');
    if (!isNimImage(known, image)) return refuse(asked, `'${image}' is not a valid xCAT image name.`);
    const held = imageAttributes(known, image);
    const troubles: string[] = [];
    if (held['nimtype'] === 'diskless') {
      for (const type of ['spot', 'paging'])
        if (held[type] === undefined) troubles.push(`The osimage '${image}' does not specify a ${type} resource.`);
      if ((held['root'] === undefined) === (held['shared_root'] === undefined))
        troubles.push(`The osimage '${image}' must specify either a root or a shared_root resource.`);
    }
    if (troubles.length > 0) return refuse(asked, troubles);
    const resources = resourceTypes.flatMap((type) =>
      (held[type] ?? '')
        .split(',')
        .filter((name) => name !== '')
        .map((name) => ({ type, name, location: '' })),
    );
    const list = (type: string): string[] =>
      (held[type] ?? '')
        .split(',')
        .map((name) => name.trim())
        .filter((name) => name !== '');
    const [lppSource = ''] = list('lpp_source');
    const packages = {
      lppSource,
      names: list('otherpkgs'),
      bundles: list('installp_bundle'),
      clean: hasFlag(asked, 'c'),
    };
    const wanted = lppSource !== '' && packages.names.length + packages.bundles.length > 0;
    return {
      state: { image, server: asked.server },
      effects: [
        {
          do: 'run',
          task: {
            key: 'check',
            kind: nimKinds.check,
            title: `Check the NIM resources of ${image}`,
            on: nimMaster(known),
            spec: { resources, recover: false, ...(wanted && { packages }) },
          },
        },
      ],
    };
  },
  on(state, report) {
    if (state === null || report.about !== 'task') return { state, effects: [] };
    if (report.outcome !== 'done')
      return end({ do: 'refuse', code: report.code, message: `Error: [${state.server}]: ${report.message}` });
    const { lines, broken } = report.result as { lines: string[]; broken: string[] };
    const texts = lines.map((line) => say(`${state.server}: ${line}`));
    if (broken.length > 0) return end(...texts, { do: 'done', exit: 1 });
    return end(...texts, say(`${state.server}: The resources of '${state.image}' are all there.`), {
      do: 'done',
      exit: 0,
    });
  },
};
