import { hasFlag, optionValue, type Asked } from '../../shared/verb/asked.ts';
import { end, type Verb } from '../../shared/verb/verb.ts';
import { failed } from './tables/answers.ts';
import { removeRow } from './tables/changes.ts';
import { dumpText } from './tables/dump-text.ts';
import { type TableRow, tableNamed, tableRows } from './tables/rows.ts';

/** Deletes rows of a table with numbered records, the oldest first. */
export const tabprune: Verb<null> = {
  name: 'tabprune',
  version: 1,
  changes: true,
  start(asked, known) {
    const [name = ''] = asked.operands;
    const table = tableNamed(name);
    if (table?.columns.includes('recid') !== true) {
      return failed(asked, `tabprune works on auditlog and eventlog; '${name}' has no numbered records`);
    }
    const rows = [...tableRows(known, table)].sort((left, right) => recid(left) - recid(right));
    const time = name === 'auditlog' ? 'audittime' : 'eventtime';
    const chosen = choose(asked, rows, time);
    if (typeof chosen === 'string') return failed(asked, chosen);
    const shown = hasFlag(asked, 'V') ? dumpText(table, chosen) : '';
    const changes = chosen.flatMap((row) => removeRow(known, table, row));
    return end(
      ...(shown === '' ? [] : [{ do: 'say' as const, text: shown }]),
      ...(changes.length === 0 ? [] : [{ do: 'commit' as const, key: 'change', changes }]),
      { do: 'done', exit: 0 },
    );
  },
};

function recid({ values }: TableRow): number {
  return Number(values['recid'] ?? 0);
}

/** The rows that go, or what is wrong with the options. */
function choose(asked: Asked, rows: readonly TableRow[], time: string): readonly TableRow[] | string {
  if (hasFlag(asked, 'a')) return rows;
  const given = (['i', 'n', 'p', 'd'] as const).filter((option) => hasFlag(asked, option));
  const [option] = given;
  if (option === undefined || given.length > 1) return 'Give one of -a, -i, -n, -p and -d';
  const number = Number(optionValue(asked, option));
  if (!Number.isInteger(number) || number < 0) return `The value of -${option} must be a whole number`;
  switch (option) {
    case 'i':
      return rows.filter((row) => recid(row) < number);
    case 'n':
      return rows.slice(0, number);
    case 'p':
      return rows.slice(0, Math.floor((rows.length * Math.min(number, 100)) / 100));
    case 'd':
      return rows.filter(({ values }) => olderThan(values[time] ?? '', asked.at - number * 86_400_000));
  }
}

/** Times are kept as `MM-DD-YYYY hh:mm:ss`; what cannot be read is never old. */
function olderThan(text: string, limit: number): boolean {
  const parts = /^(\d\d)-(\d\d)-(\d{4}) (\d\d):(\d\d):(\d\d)$/.exec(text);
  if (parts === null) return false;
  const [month = 0, day = 0, year = 0, hour = 0, minute = 0, second = 0] = parts.slice(1).map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second) < limit;
}
