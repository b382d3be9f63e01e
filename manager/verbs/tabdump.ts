import { columnMeaning, objectTypes, tables, tableSummaries, type Table } from '../../shared/schema/index.ts';
import { type Asked, hasFlag, optionValue } from '../../shared/verb/asked.ts';
import { end, type Step, type Verb } from '../../shared/verb/verb.ts';
import { failed, printed } from './tables/answers.ts';
import { dumpText } from './tables/dump-text.ts';
import { type RowCondition, readRowCondition, rowFits } from './tables/row-conditions.ts';
import { tableNamed, tableRows } from './tables/rows.ts';

export const tabdump: Verb<null> = {
  name: 'tabdump',
  version: 1,
  changes: false,
  start(asked, known) {
    const [name] = asked.operands;
    if (name === undefined) {
      const names = [...tables.keys()].sort();
      if (hasFlag(asked, 'd'))
        return describe(
          asked,
          names.map((each) => [each, tableSummaries.get(each) ?? '']),
        );
      if (asked.json) return end({ do: 'data', value: names }, { do: 'done', exit: 0 });
      return printed(names.map((each) => `${each}\n`).join(''));
    }
    const table = tableNamed(name);
    if (table === undefined) return failed(asked, `No such table: ${name}`);
    if (hasFlag(asked, 'd')) return describe(asked, descriptions(table));
    const conditions: RowCondition[] = [];
    for (const text of asked.options['w'] ?? []) {
      const condition = readRowCondition(text);
      if (condition === undefined) return failed(asked, `The condition '${text}' is not of the form COLUMN==VALUE`);
      if (!table.columns.includes(condition.column)) {
        return failed(asked, `No column "${condition.column}" in table "${name}"`);
      }
      conditions.push(condition);
    }
    let rows = tableRows(known, table).filter((row) => rowFits(conditions, row.values));
    const last = optionValue(asked, 'n');
    if (last !== undefined) {
      if (!/^\d+$/.test(last)) return failed(asked, `The value '${last}' of -n is not a number`);
      if (!isLog(table)) return failed(asked, '-n is only for the tables auditlog and eventlog');
      rows = last === '0' ? [] : rows.slice(-Number(last));
    }
    if (asked.json) return end({ do: 'data', value: rows.map(({ values }) => values) }, { do: 'done', exit: 0 });
    return printed(dumpText(table, rows));
  },
};

export function isLog(table: Table): boolean {
  return table.name === 'auditlog' || table.name === 'eventlog';
}

/** Column and meaning: that of the first attribute that shows it, if one does. */
function descriptions(table: Table): [column: string, meaning: string][] {
  const meanings = new Map<string, string>();
  for (const { attributes } of objectTypes.values()) {
    for (const { column, meaning } of attributes) if (!meanings.has(column)) meanings.set(column, meaning);
  }
  return table.columns.map((column) => [
    column,
    meanings.get(`${table.name}.${column}`) ?? columnMeaning(table.name, column) ?? '',
  ]);
}

function describe(asked: Asked, described: readonly [name: string, meaning: string][]): Step<null> {
  if (asked.json) return end({ do: 'data', value: Object.fromEntries(described) }, { do: 'done', exit: 0 });
  const lines = described.map(([name, meaning]) => `${name}:${name.length < 7 ? '\t\t' : '\t'}${meaning}\n`);
  return printed(lines.join('\n'));
}
