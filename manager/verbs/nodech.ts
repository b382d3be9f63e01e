import { isDynamicGroup, commaList } from '../../shared/objects/index.ts';
import { criterionTest, nodeColumnValue } from '../../shared/noderange/index.ts';
import { type Asked, hasFlag } from '../../shared/verb/asked.ts';
import type { Change, Effect } from '../../shared/verb/effect.ts';
import type { Step, Verb } from '../../shared/verb/verb.ts';
import type { View } from '../../shared/verb/view.ts';
import { committed, failed, withNodes } from './tables/answers.ts';
import { type Assignment, assignedValues, readAssignments } from './tables/assignments.ts';
import { removeRow } from './tables/changes.ts';
import { nodeRowChanges } from './tables/node-rows.ts';
import { matchingRows, tableNamed } from './tables/rows.ts';

export const nodech: Verb<null> = {
  name: 'nodech',
  version: 1,
  changes: true,
  start(asked, known) {
    const [range = '', ...rest] = asked.operands;
    return withNodes(asked, known, range, (nodes) =>
      hasFlag(asked, 'delete') ? deleteRows(asked, known, nodes, rest) : changeColumns(asked, known, nodes, rest),
    );
  },
};

function deleteRows(asked: Asked, known: View, nodes: readonly string[], names: readonly string[]): Step<null> {
  if (names.some((name) => /[=.]/.test(name))) return failed(asked, '. and = not valid in delete mode.');
  const changes: Change[] = [];
  for (const name of names) {
    const table = tableNamed(name);
    if (table?.columns[0] !== 'node') return failed(asked, `ERROR: Unable to open table ${name} in configuration`);
    for (const node of nodes) {
      for (const row of matchingRows(known, table, { node })) changes.push(...removeRow(known, table, row));
    }
  }
  return committed(asked, known, changes);
}

/** Shared by nodeadd. The nodes need not exist. */
export function changeColumns(
  asked: Asked,
  known: View,
  nodes: readonly string[],
  operands: readonly string[],
  before: readonly Effect[] = [],
): Step<null> {
  const { assignments, criteria, malformed, unknown } = readAssignments(operands);
  if (unknown !== undefined) return failed(asked, `${unknown} not a valid table.column description`);
  const tests = criteria.map((criterion) => ({ column: criterion.column, fits: criterionTest(criterion) }));
  const complaints: Effect[] = malformed.map((operand) => ({
    do: 'say',
    text: `Error: [${asked.server}]: Malformed argument ${operand} ignored.\n`,
    error: true,
  }));
  const changes: Change[] = [];
  for (const node of nodes) {
    if (!tests.every(({ column, fits }) => fits(nodeColumnValue(known, node, column)))) continue;
    const values = assignedValues(assignments, (column) => nodeColumnValue(known, node, column));
    changes.push(...nodeRowChanges(known, node, values));
  }
  const said = [...before, ...complaints, ...notices(known, assignments)];
  return committed(asked, known, changes, said, malformed.length > 0 ? 1 : 0);
}

function notices(known: View, assignments: readonly Assignment[]): Effect[] {
  return assignments
    .filter(({ column, how }) => column === 'nodelist.groups' && how !== 'remove')
    .flatMap(({ value }) => commaList(value))
    .filter((group) => isDynamicGroup(known, group))
    .map((group) => ({
      do: 'say',
      text: `nodegroup ${group} is a dynamic node group, should not add a node into a dynamic node group statically.\n`,
    }));
}
