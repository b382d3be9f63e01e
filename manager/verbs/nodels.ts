import { columnValue } from '../../shared/objects/index.ts';
import { criterionTest, nodeColumn, nodeColumnValue, readCriterion } from '../../shared/noderange/index.ts';
import { tables } from '../../shared/schema/index.ts';
import { type Asked, hasFlag } from '../../shared/verb/asked.ts';
import { end, type Step, type Verb } from '../../shared/verb/verb.ts';
import type { View } from '../../shared/verb/view.ts';
import { failed, orRefused, printed, withNodes } from './tables/answers.ts';

/** One column to be shown, under the name as it was typed; of a whole table under its full name. */
interface Shown {
  readonly label: string;
  readonly column: string;
}

interface Wanted {
  readonly shown: readonly Shown[];
  /** A whole table, or more than one column, or -H. */
  readonly labelled: boolean;
  readonly fits: (view: View, node: string) => boolean;
}

export const nodels: Verb<null> = {
  name: 'nodels',
  version: 1,
  changes: false,
  start(asked, known) {
    const [range = '', ...columns] = asked.operands;
    return orRefused(asked, () => {
      const wanted = readColumns(asked, columns);
      if ('state' in wanted) return wanted;
      if (/^[,\s]*$/.test(range)) return answer(asked, known, visibleNodes(asked, known), wanted);
      return withNodes(asked, known, range, (nodes) => answer(asked, known, nodes, wanted));
    });
  },
};

function visibleNodes(asked: Asked, known: View): readonly string[] {
  const names: string[] = [];
  const all = hasFlag(asked, 'S');
  for (const [name, row] of known.rows('node')) if (all || row['nodelist.hidden'] !== '1') names.push(name);
  return names.sort();
}

function readColumns(asked: Asked, operands: readonly string[]): Wanted | Step<null> {
  const shown: Shown[] = [];
  const tests = new Map<string, (view: View, node: string) => boolean>();
  let wholeTable = false;
  for (const operand of operands) {
    const criterion = readCriterion(operand);
    const typed = criterion?.column ?? operand;
    const column = nodeColumn(typed);
    const table = criterion === undefined ? tables.get(typed) : undefined;
    if (criterion !== undefined && column !== undefined) {
      if (tests.has(column)) return failed(asked, `Multiple selection critera for ${typed}`);
      const fits = criterionTest(criterion);
      tests.set(column, (view, node) => fits(nodeColumnValue(view, node, column)));
    } else if (criterion === undefined && column !== undefined) {
      shown.push({ label: typed, column });
    } else if (table?.columns[0] === 'node') {
      wholeTable = true;
      shown.push(...table.columns.map((name) => ({ label: `${typed}.${name}`, column: `${typed}.${name}` })));
    } else {
      return failed(asked, `${typed} not a valid table.column description`);
    }
  }
  shown.sort((left, right) => (left.label < right.label ? -1 : 1));
  return {
    shown,
    labelled: wholeTable || shown.length > 1 || hasFlag(asked, 'with-fieldname'),
    fits: (view, node) => [...tests.values()].every((test) => test(view, node)),
  };
}

function answer(asked: Asked, known: View, nodes: readonly string[], wanted: Wanted): Step<null> {
  const chosen = nodes.filter((node) => wanted.fits(known, node));
  if (asked.json) {
    const value = chosen.map((node) => ({
      node,
      ...Object.fromEntries(wanted.shown.map(({ label, column }) => [label, nodeColumnValue(known, node, column)])),
    }));
    return end({ do: 'data', value }, { do: 'done', exit: 0 });
  }
  if (wanted.shown.length === 0) return printed(chosen.map((node) => `${node}\n`).join(''));
  const blame = hasFlag(asked, 'blame');
  const lines: string[] = [];
  for (const node of chosen) {
    for (const { label, column } of wanted.shown) {
      const head = wanted.labelled ? `${node}: ${label}: ` : `${node}: `;
      const origin = blame ? columnValue(known, node, column)?.group : undefined;
      const inherited = origin === undefined ? '' : ` (inherited from group ${origin})`;
      lines.push(`${head}${nodeColumnValue(known, node, column)}${inherited}\n`);
    }
  }
  return printed(lines.join(''));
}
