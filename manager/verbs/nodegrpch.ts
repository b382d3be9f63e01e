import { commaList, groupMembers } from '../../shared/objects/index.ts';
import type { Change } from '../../shared/verb/effect.ts';
import type { Verb } from '../../shared/verb/verb.ts';
import { committed, failed } from './tables/answers.ts';
import { readAssignments } from './tables/assignments.ts';
import { nodeRowChanges } from './tables/node-rows.ts';

/** Sets columns of groups, and unsets them on the members so that what the group says counts. */
export const nodegrpch: Verb<null> = {
  name: 'nodegrpch',
  version: 1,
  changes: true,
  start(asked, known) {
    const [groups = '', ...operands] = asked.operands;
    const { assignments, malformed, unknown } = readAssignments(operands);
    if (unknown !== undefined) return failed(asked, `${unknown} not a valid table.column description`);
    if (assignments.some(({ how }) => how !== 'set')) {
      return failed(asked, ',= and ^= are not supported by nodegrpch');
    }
    if (malformed[0] !== undefined) return failed(asked, `Malformed argument ${malformed[0]} ignored.`);
    const values = new Map(assignments.map(({ column, value }) => [column, value]));
    const changes: Change[] = [];
    for (const group of commaList(groups)) {
      changes.push(...nodeRowChanges(known, group, values));
      for (const member of groupMembers(known, group)) {
        const own = known.row('node', member) ?? {};
        const set = [...values.keys()].filter((column) => own[column] !== undefined && own[column] !== '');
        if (set.length === 0) continue;
        changes.push({ type: 'node', name: member, values: Object.fromEntries(set.map((column) => [column, ''])) });
      }
    }
    return committed(asked, known, changes);
  },
};
