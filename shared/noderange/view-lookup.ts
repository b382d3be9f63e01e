import { perRevision } from '../objects/cache.ts';
import { columnValue, groupMembers, objectExists, objectNames } from '../objects/index.ts';
import { compilePattern } from '../pattern/index.ts';
import type { View } from '../verb/view.ts';
import { nodeColumn } from './columns.ts';
import type { Criterion } from './criterion.ts';
import type { Lookup } from './lookup.ts';

const nodeNames = perRevision((view) => objectNames(view, 'node'));

/** What the definitions say, with inherited values. `files`: what the client opened, path as typed to content. */
export function viewLookup(view: View, files: Readonly<Record<string, string>>): Lookup {
  return {
    isNode: (name) => view.has('node', name),
    nodes: () => nodeNames(view),
    members: (group) => (objectExists(view, 'group', group) ? groupMembers(view, group) : undefined),
    fitting: (criterion) => {
      const column = nodeColumn(criterion.column);
      if (column === undefined) return [];
      const fits = criterionTest(criterion);
      return nodeNames(view).filter((node) => fits(nodeColumnValue(view, node, column)));
    },
    file: (path) => (Object.hasOwn(files, path) ? files[path] : undefined),
  };
}

/** The value with what groups and agents say; the empty string where there is none. */
export function nodeColumnValue(view: View, node: string, column: string): string {
  if (column.endsWith('.node')) return node;
  return columnValue(view, node, column)?.value ?? '';
}

/** @throws HostlerError invalid_argument when an expression cannot be read. */
export function criterionTest({ operator, value }: Criterion): (actual: string) => boolean {
  if (operator === '==') return (actual) => actual === value;
  if (operator === '!=') return (actual) => actual !== value;
  const pattern = compilePattern(value);
  return operator === '=~' ? (actual) => pattern.test(actual) : (actual) => !pattern.test(actual);
}
