import { csvHeader, csvLine } from '../../shared/csv/index.ts';
import { clustersite, tables } from '../../shared/schema/index.ts';
import { hasFlag } from '../../shared/verb/asked.ts';
import { end, type Verb } from '../../shared/verb/verb.ts';
import { keptColumns, keptRows, keptTables, withKept } from './moving-in/kept.ts';
import { dumpText } from './tables/dump-text.ts';
import { tableRows } from './tables/rows.ts';
import { isLog } from './tabdump.ts';

/** Every table as tabdump prints it, for the client to write into files; not what site.skiptables names. */
export const dumpxCATdb: Verb<null> = {
  name: 'dumpxCATdb',
  version: 1,
  changes: false,
  start(asked, known) {
    const skipped = new Set((known.row('site', clustersite)?.['site.skiptables'] ?? '').split(','));
    const wanted = [...tables.values()].filter(
      (table) => !skipped.has(table.name) && (hasFlag(asked, 'a') || !isLog(table)),
    );
    const dumps = wanted.map((table) => {
      const dumped = withKept(known, table, tableRows(known, table));
      return { table: table.name, text: dumpText(dumped.table, dumped.rows) };
    });
    const unknown = keptTables(known, (name) => tables.has(name)).map((name) => {
      const columns = keptColumns(known, name);
      const lines = [...keptRows(known, name).values()].map((row) => csvLine(columns.map((column) => row[column])));
      return { table: name, text: `${[csvHeader(columns), ...lines].join('\n')}\n` };
    });
    return end(...[...dumps, ...unknown].map((value) => ({ do: 'data' as const, value })), { do: 'done', exit: 0 });
  },
};
