import { clustersite, tables } from '../../shared/schema/index.ts';
import { hasFlag } from '../../shared/verb/asked.ts';
import { end, type Verb } from '../../shared/verb/verb.ts';
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
    return end(
      ...wanted.map((table) => ({
        do: 'data' as const,
        value: { table: table.name, text: dumpText(table, tableRows(known, table)) },
      })),
      { do: 'done', exit: 0 },
    );
  },
};
