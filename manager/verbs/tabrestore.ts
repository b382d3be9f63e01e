import { basename } from 'node:path';
import { readCsv } from '../../shared/csv/index.ts';
import { HostlerError } from '../../shared/errors/error.ts';
import { type Asked, hasFlag } from '../../shared/verb/asked.ts';
import type { Change } from '../../shared/verb/effect.ts';
import { end, type Step, type Verb } from '../../shared/verb/verb.ts';
import type { View } from '../../shared/verb/view.ts';
import { committed, failed } from './tables/answers.ts';
import { tableChanges } from './tables/replace.ts';
import { tableNamed } from './tables/rows.ts';

/** Exit codes of the original: the file cannot be read; the table is unknown or a line is bad. */
const unreadable = 3;
const badContent = 4;

/** Several files are one commit: a bad line in one of them leaves everything as it was. */
export const tabrestore: Verb<null> = {
  name: 'tabrestore',
  version: 1,
  changes: true,
  start(asked, known) {
    const changes: Change[] = [];
    for (const path of asked.operands) {
      const result = fileChanges(asked, known, path);
      if ('state' in result) return result;
      for (const change of result) changes.push(change);
    }
    return committed(asked, known, changes);
  },
};

function fileChanges(asked: Asked, known: View, path: string): Change[] | Step<null> {
  const text = Object.hasOwn(asked.files, path) ? asked.files[path] : undefined;
  if (text === undefined) {
    return end({ do: 'say', text: `Error: Unable to open ${path} for reading.\n` }, { do: 'done', exit: unreadable });
  }
  const name = basename(path).replace(/\..*$/s, '');
  const table = tableNamed(name);
  if (table === undefined) return failed(asked, `Unable to open ${name}`, badContent);
  try {
    const { columns, records } = readCsv(text);
    const unknown = columns.find((column) => !table.columns.includes(column));
    if (unknown !== undefined) {
      return failed(
        asked,
        `The header line indicates that column '${unknown}' should exist, which is not defined in the schema for '${name}'`,
      );
    }
    const result = tableChanges(known, table, records, hasFlag(asked, 'a'));
    return 'problem' in result ? failed(asked, result.problem, badContent) : [...result.changes];
  } catch (error) {
    if (!(error instanceof HostlerError)) throw error;
    return failed(asked, error.message, error.message.startsWith('Data missing') ? 1 : badContent);
  }
}
