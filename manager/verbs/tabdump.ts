import { objectTypes, tables, type Table } from '../../shared/schema/index.ts';
import { hasFlag, optionValue } from '../../shared/verb/asked.ts';
import { end, type Verb } from '../../shared/verb/verb.ts';
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
      if (asked.json) return end({ do: 'data', value: names }, { do: 'done', exit: 0 });
      return printed(names.map((each) => `${each}\n`).join(''));
    }
    const table = tableNamed(name);
    if (table === undefined) return failed(asked, `No such table: ${name}`);
    if (hasFlag(asked, 'd')) {
      const described = descriptions(table);
      if (asked.json) return end({ do: 'data', value: Object.fromEntries(described) }, { do: 'done', exit: 0 });
      return printed(described.map(([column, meaning]) => descriptionLine(column, meaning)).join('\n'));
    }
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

/** Column and meaning, as far as an attribute shows it. */
function descriptions(table: Table): [column: string, meaning: string][] {
  const meanings = new Map<string, string>();
  for (const { attributes } of objectTypes.values()) {
    for (const { column, meaning } of attributes) if (!meanings.has(column)) meanings.set(column, meaning);
  }
  return table.columns.map((column) => [
    column,
    meanings.get(`${table.name}.${column}`) ?? common.get(column) ?? 'no description',
  ]);
}

function descriptionLine(column: string, meaning: string): string {
  return `${column}:${column.length < 7 ? '\t\t' : '\t'}${meaning}\n`;
}

const common: ReadonlyMap<string, string> = new Map([
  ['node', 'name of the node or of the group'],
  ['key', 'name of the setting'],
  ['value', 'the setting'],
  ['comments', 'free text'],
  ['disable', 'yes or 1: the row is not looked at'],
]);
