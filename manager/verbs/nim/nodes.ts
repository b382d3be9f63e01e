import { expandNoderange } from '../../../shared/noderange/index.ts';
import type { Asked } from '../../../shared/verb/asked.ts';
import type { Step } from '../../../shared/verb/verb.ts';
import type { View } from '../../../shared/verb/view.ts';
import { refuse, splitPairs } from './common.ts';
import { noSuchNodes } from '../tables/answers.ts';

export interface NodesAndPairs {
  readonly nodes: readonly string[];
  readonly pairs: ReadonlyMap<string, string>;
}

/** `COMMAND [options] NODERANGE [attr=val ...]`, or the step that says what is wrong with it. */
export function nodesAndPairs(asked: Asked, known: View): NodesAndPairs | Step<null> {
  const { names, pairs, bad } = splitPairs(asked.operands);
  if (bad !== undefined) return refuse(asked, `Incorrect 'attr=val' pair - ${bad}`);
  if (names.length !== 1) return refuse(asked, 'A noderange is required.');
  const { nodes, missing } = expandNoderange(known, names[0] ?? '', { verify: true, files: asked.files });
  if (missing.length > 0) return noSuchNodes(missing);
  return { nodes, pairs };
}
