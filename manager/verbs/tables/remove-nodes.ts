import type { Verb } from '../../../shared/verb/verb.ts';
import { committed, withNodes } from './answers.ts';

/** noderm and nodepurge: nodes go with everything that is kept under them; what their groups say stays. */
export function removingVerb(name: string): Verb<null> {
  return {
    name,
    version: 1,
    changes: true,
    start(asked, known) {
      const [range = ''] = asked.operands;
      return withNodes(asked, known, range, (nodes) =>
        committed(
          asked,
          known,
          nodes.map((node) => ({ type: 'node', name: node, remove: true })),
        ),
      );
    },
  };
}
