import { tables } from '../../shared/schema/index.ts';
import { end, type Verb } from '../../shared/verb/verb.ts';
import { printed, withNodes } from './tables/answers.ts';
import { matchingRows, tableRows } from './tables/rows.ts';

/** Tables with a row of one of the nodes itself; what groups give does not count. */
export const tabgrep: Verb<null> = {
  name: 'tabgrep',
  version: 1,
  changes: false,
  start(asked, known) {
    return withNodes(asked, known, asked.operands[0] ?? '', (nodes) => {
      const wanted = new Set(nodes);
      const names = [...tables.values()]
        .filter(({ columns }) => columns.includes('node'))
        .filter((table) =>
          wanted.size === 1
            ? nodes.some((node) => matchingRows(known, table, { node }).length > 0)
            : tableRows(known, table).some(({ values }) => wanted.has(values['node'] ?? '')),
        )
        .map(({ name }) => name)
        .sort();
      if (asked.json) return end({ do: 'data', value: names }, { do: 'done', exit: 0 });
      return printed(names.map((name) => `${name}\n`).join(''));
    });
  },
};
