import { objectNames } from '../../shared/objects/index.ts';
import { nimKinds, type NimRemoveImageResult } from '../../shared/task/nim.ts';
import { hasFlag } from '../../shared/verb/asked.ts';
import type { Json } from '../../shared/verb/effect.ts';
import { end, type Verb } from '../../shared/verb/verb.ts';
import type { View } from '../../shared/verb/view.ts';
import { buildLock, imageAttributes, isNimImage, nimMaster, refuse, resourceTypes, say, site } from './nim/common.ts';

interface State {
  readonly image: string;
  readonly server: string;
  readonly [key: string]: Json;
}

/**
 * Removes the NIM resources of an image that nothing uses, then its definition. Current xCAT keeps the definition
 * unless -x is given; the older documents say that it goes, and -x is accepted (xCAT command facts, section 25).
 */
export const rmnimimage: Verb<State | null> = {
  name: 'rmnimimage',
  version: 1,
  changes: true,
  start(asked, known) {
    const [image, ...more] = asked.operands;
    if (image === undefined || more.length > 0) return refuse(asked, 'An image name is required.');
    if (!isNimImage(known, image)) return refuse(asked, `'${image}' is not a valid xCAT image name.`);
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
    const spec = { image, resources: wanted, deleteFiles: hasFlag(asked, 'd'), base };
    return {
      state: { image, server: asked.server },
      effects: [
        {
          do: 'run',
          task: {
            key: 'remove',
            kind: nimKinds.removeImage,
            title: `Remove the NIM resources of ${image}`,
            on: nimMaster(known),
            spec,
            uninterruptible: true,
            lock: buildLock(nimMaster(known)),
          },
        },
      ],
    };
  },
  on(state, report) {
    if (state === null || report.about === 'cancel') return { state, effects: [] };
    if (report.about === 'commit') {
      if (report.outcome === 'conflict')
        return end({ do: 'refuse', code: 'aborted', message: `Error: [${state.server}]: ${report.message}` });
      return end(say(`Removed the xCAT osimage definition '${state.image}'.`), { do: 'done', exit: 0 });
    }
    if (report.outcome !== 'done')
      return end({ do: 'refuse', code: report.code, message: `Error: [${state.server}]: ${report.message}` });
    const result = report.result as unknown as NimRemoveImageResult;
    const lines = result.lines.map((line) => say(`${state.server}: ${line}`));
    // What still uses a resource still needs the definition that names it.
    if (result.kept.length > 0)
      return end(
        ...lines,
        say(`The osimage definition '${state.image}' is kept, because some of its resources are in use.`),
        { do: 'done', exit: 0 },
      );
    return {
      state,
      effects: [
        ...lines,
        { do: 'commit', key: 'definition', changes: [{ type: 'osimage', name: state.image, remove: true }] },
      ],
    };
  },
};

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
