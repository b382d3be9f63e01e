import { HostlerError } from '../../../shared/errors/error.ts';
import { expandNoderange } from '../../../shared/noderange/index.ts';
import { type Condition, nodesMeeting } from '../../../shared/objects/index.ts';
import type { View } from '../../../shared/verb/view.ts';
import type { Talk } from './talk.ts';

/**
 * The nodes that `members=` names, or that meet the conditions. Groups never create nodes: unknown ones are complained
 * about and left out.
 */
export function membersWanted(
  view: View,
  talk: Talk,
  range: string,
  conditions: ReadonlyMap<string, Condition>,
): readonly string[] {
  if (range === '') return nodesMeeting(view, conditions);
  let nodes: readonly string[];
  try {
    ({ nodes } = expandNoderange(view, range, { verify: false, files: talk.asked.files }));
  } catch (error) {
    if (!(error instanceof HostlerError)) throw error;
    talk.error(error.message);
    return [];
  }
  return nodes.filter((node) => {
    if (view.has('node', node)) return true;
    talk.error(`Could not find a node named '${node}', skipping to the next node.`);
    return false;
  });
}
