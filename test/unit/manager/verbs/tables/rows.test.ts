import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { changeRow, createRow, removeRow } from '../../../../../manager/verbs/tables/changes.ts';
import { merged } from '../../../../../manager/verbs/tables/node-rows.ts';
import { tableChanges } from '../../../../../manager/verbs/tables/replace.ts';
import { matchingRows, tableNamed, tableRows } from '../../../../../manager/verbs/tables/rows.ts';
import { readCsv } from '../../../../../shared/csv/index.ts';
import { dumpText } from '../../../../../manager/verbs/tables/dump-text.ts';
import { tables, type Table } from '../../../../../shared/schema/index.ts';
import { MemoryView } from '../../../support/view.ts';

function named(name: string): Table {
  const table = tableNamed(name);
  if (table === undefined) throw new Error(`no table ${name}`);
  return table;
}

function put(view: MemoryView, table: string, values: Record<string, string>): void {
  const change = createRow(view, named(table), values);
  if (change === undefined) throw new Error(`${table} takes no row ${JSON.stringify(values)}`);
  view.commit([change]);
}

function values(view: MemoryView, table: string): Readonly<Record<string, string>>[] {
  return tableRows(view, named(table)).map((row) => row.values);
}

describe('rows of tables', () => {
  test('every table gives back the rows that were put into it', () => {
    const word = fc.stringMatching(/^[a-z0-9][a-z0-9,%._-]{0,5}$/);
    fc.assert(
      fc.property(
        fc.constantFrom(...tables.values()),
        fc.array(fc.dictionary(fc.nat({ max: 40 }).map(String), word, { maxKeys: 6 }), { minLength: 1, maxLength: 4 }),
        (table, rows) => {
          const view = new MemoryView();
          const expected = rows.map((picks, at) => {
            const row: Record<string, string> = {};
            for (const [index, value] of Object.entries(picks)) {
              const column = table.columns[Number(index) % table.columns.length];
              if (column !== undefined) row[column] = value;
            }
            // What tells rows apart is always there, and different.
            for (const column of [...table.named, ...table.keys]) row[column] = `k${at},${row[column] ?? ''}`;
            if (table.qualifiedBy !== undefined) row[table.qualifiedBy] = `q${at}.x`;
            if (table.columns.includes('comments')) row['comments'] = 'so that the row is there';
            return row;
          });
          for (const row of expected) put(view, table.name, row);
          expect(values(view, table.name)).toEqual(expected);
          for (const row of expected) {
            const keys = Object.fromEntries(table.keys.map((column) => [column, row[column] ?? '']));
            expect(matchingRows(view, table, keys).map((found) => found.values)).toEqual([row]);
          }
        },
      ),
    );
  });

  test('dump and restore of a table change nothing; restored into an empty registry it is the same', () => {
    const view = new MemoryView();
    put(view, 'nodelist', { node: 'n1', groups: 'all', comments: 'a "quoted" one' });
    put(view, 'nodelist', { node: 'n2' });
    put(view, 'nodehm', { node: 'n1', mgt: 'ipmi' });
    put(view, 'nodehm', { node: 'compute', power: 'ipmi' });
    put(view, 'site', { key: 'domain', value: 'x.test', comments: 'ours' });
    put(view, 'passwd', { key: 'system', username: 'root', password: 'a,b' });
    put(view, 'ppcdirect', { hcp: 'f1', username: 'HMC', password: 'x' });
    put(view, 'networks', { netname: 'net1', net: '10.0.0.0', mask: '255.0.0.0' });
    const empty = new MemoryView();
    for (const name of ['nodelist', 'nodehm', 'site', 'passwd', 'ppcdirect', 'networks']) {
      const before = values(view, name);
      const { records } = readCsv(dumpText(named(name), tableRows(view, named(name))));
      for (const target of [view, empty]) {
        const result = tableChanges(target, named(name), records, false);
        if ('problem' in result) throw new Error(result.problem);
        target.commit(merged(result.changes));
        expect(values(target, name)).toEqual(before);
      }
    }
    expect(view.row('node', 'n1')).toMatchObject({ 'nodehm.mgt': 'ipmi', 'nodelist.groups': 'all' });
  });

  test('a row that lost its last value stays; a removed one is gone', () => {
    const view = new MemoryView();
    put(view, 'nodelist', { node: 'n1' });
    put(view, 'nodepos', { node: 'n1', rack: 'r1' });
    const [row] = matchingRows(view, named('nodepos'), { node: 'n1' });
    if (row === undefined) throw new Error('no row');
    view.commit([changeRow(named('nodepos'), row, { rack: '' })]);
    expect(values(view, 'nodepos')).toEqual([{ node: 'n1' }]);
    view.commit(removeRow(view, named('nodepos'), row));
    expect(values(view, 'nodepos')).toEqual([]);
    expect(view.has('node', 'n1')).toBe(true);
  });

  test('what is kept for a node outlives its row of nodelist, and is the node’s again when it comes back', () => {
    const view = new MemoryView();
    put(view, 'nodelist', { node: 'n1', groups: 'all' });
    put(view, 'nodehm', { node: 'n1', mgt: 'ipmi' });
    const [row] = tableRows(view, named('nodelist'));
    if (row === undefined) throw new Error('no row');
    view.commit(removeRow(view, named('nodelist'), row));
    expect(view.has('node', 'n1')).toBe(false);
    expect(values(view, 'nodehm')).toEqual([{ node: 'n1', mgt: 'ipmi' }]);
    put(view, 'nodelist', { node: 'n1' });
    put(view, 'nodehm', { node: 'n1', power: 'hmc' });
    expect(values(view, 'nodehm')).toEqual([{ node: 'n1', mgt: 'ipmi', power: 'hmc' }]);
    expect(matchingRows(view, named('nodehm'), { node: 'n1', mgt: 'ipmi' })).toHaveLength(1);
  });

  test('a row without the column that names it is refused', () => {
    expect(createRow(new MemoryView(), named('nodehm'), { mgt: 'ipmi' })).toBeUndefined();
    expect(createRow(new MemoryView(), named('site'), { value: 'x' })).toBeUndefined();
    expect(tableChanges(new MemoryView(), named('nodehm'), [{ line: 7, values: { mgt: 'x' } }], true)).toEqual({
      problem: 'The row on line 7 has no value for node',
    });
  });
});
