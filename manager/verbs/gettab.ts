import { hasFlag } from '../../shared/verb/asked.ts';
import { end, type Verb } from '../../shared/verb/verb.ts';
import { failed, printed } from './tables/answers.ts';
import { readKeys } from './tables/keys.ts';
import { matchingRows, tableNamed } from './tables/rows.ts';

export const gettab: Verb<null> = {
  name: 'gettab',
  version: 1,
  changes: false,
  start(asked, known) {
    const [keyText = '', ...wanted] = asked.operands;
    const keys = readKeys(keyText);
    if (keys === undefined) return failed(asked, `'${keyText}' is not of the form KEY=VALUE; see --help`);
    const found: { label: string; value: string }[] = [];
    for (const label of wanted) {
      const dot = label.indexOf('.');
      const name = dot < 0 ? label : label.slice(0, dot);
      const table = tableNamed(name);
      const unknown = Object.keys(keys).find((column) => table?.columns.includes(column) !== true);
      if (table === undefined || unknown !== undefined) {
        return failed(asked, `Unknown key ${unknown ?? ''} to ${name}`);
      }
      const value = matchingRows(known, table, keys)[0]?.values[label.slice(dot + 1)];
      if (value !== undefined) found.push({ label, value });
    }
    if (asked.json) {
      const value = Object.fromEntries(found.map((each) => [each.label, each.value]));
      return end({ do: 'data', value }, { do: 'done', exit: 0 });
    }
    const labelled = wanted.length > 1 || hasFlag(asked, 'with-fieldname');
    return printed(found.map(({ label, value }) => `${labelled ? `${label}: ` : ''}${value}\n`).join(''));
  },
};
