import { unbuilt } from '../../shared/verb/unbuilt.ts';
import type { Verb } from '../../shared/verb/verb.ts';
import { failed, withNodes } from './tables/answers.ts';

export const unbuiltVerbs: readonly Verb<null>[] = unbuilt.map(({ name }) => ({
  name,
  version: 1,
  changes: false,
  start: (asked, known) =>
    withNodes(asked, known, asked.operands[0] ?? '', () =>
      failed(asked, `${name} is not part of this version of Hostler`),
    ),
}));
