import { clustersite } from '../schema/index.ts';
import type { View } from '../verb/view.ts';
import { type Expansion, expandWith } from './expand.ts';
import { viewLookup } from './view-lookup.ts';

export { nodeColumn } from './columns.ts';
export { type Criterion, readCriterion } from './criterion.ts';
export type { Expansion } from './expand.ts';
export { criterionTest, nodeColumnValue } from './view-lookup.ts';

export interface NoderangeOptions {
  /**
   * True: names that stand for nothing go to `missing`. False, for commands that create: they are taken as they are,
   * and so is an expression inside of a `^file`.
   */
  readonly verify: boolean;
  /** What `^file` holds, by the path as typed; opened by the client. One that is not here says nothing. */
  readonly files?: Readonly<Record<string, string>>;
  /** Put around bare numbers; by default `node` and nothing. */
  readonly prefix?: string;
  readonly suffix?: string;
}

/**
 * The nodes that a node range stands for, sorted, without those that site.excludenodes names.
 * @throws HostlerError invalid_argument when parentheses or an expression cannot be read; resource_exhausted when it
 * stands for more names, or takes more looking, than one command may cost.
 */
export function expandNoderange(view: View, text: string, options: NoderangeOptions): Expansion {
  const { verify, files = {}, prefix = 'node', suffix = '' } = options;
  const excluded = view.row('site', clustersite)?.['site.excludenodes'];
  return expandWith(viewLookup(view, files), text, { verify, prefix, suffix }, excluded);
}

/** What commands print when a node range has names that stand for nothing. */
export function missingNodesText(missing: readonly string[]): string {
  return `Error: Invalid nodes and/or groups in noderange: ${missing.join(',')}\n`;
}
