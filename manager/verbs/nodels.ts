import { columnValue } from '../../shared/objects/index.ts';
import { criterionTest, nodeColumn, nodeColumnValue, readCriterion } from '../../shared/noderange/index.ts';
import { tables } from '../../shared/schema/index.ts';
import { type Asked, hasFlag } from '../../shared/verb/asked.ts';
import type { Effect } from '../../shared/verb/effect.ts';
import { end, type Step, type Verb } from '../../shared/verb/verb.ts';
import type { View } from '../../shared/verb/view.ts';
import { orRefused, say, withNodes } from './tables/answers.ts';

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
  /** What could not be read; the rest is shown all the same. */
  readonly complaints: readonly string[];
}

export const nodels: Verb<null> = {
  name: 'nodels',
  version: 1,
  changes: false,
  start(asked, known) {
    const [range = '', ...columns] = asked.operands;
    return orRefused(asked, () => {
      const wanted = readColumns(columns, hasFlag(asked, 'with-fieldname'));
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

function readColumns(operands: readonly string[], withNames: boolean): Wanted {
  const shown: Shown[] = [];
  const tests = new Map<string, (view: View, node: string) => boolean>();
  const complaints: string[] = [];
  let wholeTable = false;
  for (const operand of operands) {
    // In node ranges one sign is enough; here it would be an assignment, and that is not for nodels.
    const criterion = /^[^=!~]*(?:=(?![=~])|~)/.test(operand) ? undefined : readCriterion(operand);
    const typed = criterion?.column ?? operand;
    const column = nodeColumn(typed);
    const table = criterion === undefined ? tables.get(typed) : undefined;
    if (criterion !== undefined && column !== undefined) {
      if (tests.has(column)) complaints.push(`Multiple selection critera for ${typed}`);
      const fits = criterionTest(criterion);
      tests.set(column, (view, node) => fits(nodeColumnValue(view, node, column)));
    } else if (criterion === undefined && column !== undefined) {
      shown.push({ label: typed, column });
    } else if (table?.columns[0] === 'node') {
      wholeTable = true;
      shown.push(...table.columns.map((name) => ({ label: `${typed}.${name}`, column: `${typed}.${name}` })));
    } else {
      complaints.push(`${typed} not a valid table.column description`);
    }
  }
  shown.sort((left, right) => (left.label < right.label ? -1 : 1));
  return {
    shown,
    labelled: wholeTable || shown.length > 1 || withNames,
    complaints,
    fits: (view, node) => [...tests.values()].every((test) => test(view, node)),
  };
}

function answer(asked: Asked, known: View, nodes: readonly string[], wanted: Wanted): Step<null> {
  const { complaints, shown } = wanted;
  const errors = complaints.map((text) => `Error: [${asked.server}]: ${text}\n`).join('');
  const chosen = nodes.filter((node) => wanted.fits(known, node));
  const effects: Effect[] = errors === '' ? [] : [{ do: 'say', text: errors, error: true }];
  if (asked.json) {
    const value = chosen.map((node) => ({
      node,
      ...Object.fromEntries(shown.map(({ label, column }) => [label, nodeColumnValue(known, node, column)])),
    }));
    effects.push({ do: 'data', value });
  } else {
    // Nothing but what could not be read was asked for: then the bare names are no answer.
    const names = complaints.length > 0 ? [] : chosen.map((node) => `${node}\n`);
    const text = (shown.length === 0 ? names : columnLines(asked, known, chosen, wanted)).join('');
    if (text !== '') effects.push(say(text));
  }
  return end(...effects, { do: 'done', exit: complaints.length > 0 ? 1 : 0 });
}

function columnLines(asked: Asked, known: View, nodes: readonly string[], { shown, labelled }: Wanted): string[] {
  const blame = hasFlag(asked, 'blame');
  return nodes.flatMap((node) =>
    shown.map(({ label, column }) => {
      const head = labelled ? `${node}: ${label}: ` : `${node}: `;
      const origin = blame ? columnValue(known, node, column)?.group : undefined;
      const inherited = origin === undefined ? '' : ` (inherited from group ${origin})`;
      return `${head}${nodeColumnValue(known, node, column)}${inherited}\n`;
    }),
  );
}
