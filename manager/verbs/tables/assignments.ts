import { commaList } from '../../../shared/objects/index.ts';
import { type Criterion, nodeColumn } from '../../../shared/noderange/index.ts';

/** One `table.column<op>value` of nodeadd, nodech or nodegrpch. */
export interface Assignment {
  /** `table.column` in full. */
  readonly column: string;
  /** set: replace. prepend: put missing items in front. remove: take items out. */
  readonly how: 'set' | 'prepend' | 'remove';
  readonly value: string;
}

export interface Assignments {
  /** In the order in which they were typed: several may be about one column. */
  readonly assignments: readonly Assignment[];
  /** What restricts the nodes. */
  readonly criteria: readonly Criterion[];
  /** Arguments that are no assignment at all. */
  readonly malformed: readonly string[];
  /** The first column that no table has, as the error names it; then nothing is to be done. */
  readonly unknown?: string;
}

export function readAssignments(operands: readonly string[]): Assignments {
  const assignments: Assignment[] = [];
  const criteria: Criterion[] = [];
  const malformed: string[] = [];
  for (const operand of operands) {
    const parts = /^([^=]*?)(\^=|,=|==|!=|=~|!~|=@|=)(.*)$/s.exec(operand);
    if (parts?.[1] === undefined || parts[3] === undefined) {
      malformed.push(operand);
      continue;
    }
    const [, typed, operator, value] = parts;
    const column = nodeColumn(typed);
    if (column === undefined) {
      return { assignments, criteria, malformed, unknown: typed.includes('.') ? typed : `${typed}.` };
    }
    if (operator === '==' || operator === '!=' || operator === '=~' || operator === '!~') {
      criteria.push({ column, operator, value: operator.endsWith('~') ? value.replace(/^\/(.*)\/$/s, '$1') : value });
    } else {
      assignments.push({ column, value, how: operator === ',=' ? 'prepend' : operator === '^=' ? 'remove' : 'set' });
    }
  }
  return { assignments, criteria, malformed };
}

/** What hides a value that a group would give: a pattern that means nothing for every node. */
export const hidden = '|^.*$||';

/** The values that the assignments lead to, by `table.column`, starting from what the node has now. */
export function assignedValues(
  assignments: readonly Assignment[],
  current: (column: string) => string,
): Map<string, string> {
  const values = new Map<string, string>();
  for (const { column, how, value } of assignments) {
    const now = values.get(column) ?? (how === 'set' ? '' : current(column));
    values.set(column, how === 'set' ? value : how === 'prepend' ? prepended(now, value) : without(now, value));
  }
  for (const [column, value] of values) if (value === '') values.set(column, hidden);
  return values;
}

/** Each item that is missing goes to the very front, one after the other. */
function prepended(list: string, items: string): string {
  let result = commaList(list);
  for (const item of commaList(items)) if (!result.includes(item)) result = [item, ...result];
  return result.join(',');
}

function without(list: string, items: string): string {
  const gone = commaList(items);
  return commaList(list)
    .filter((item) => !gone.includes(item))
    .join(',');
}
