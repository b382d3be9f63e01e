import { columnValue } from '../../shared/objects/index.ts';
import { hasFlag } from '../../shared/verb/asked.ts';
import { end, type Verb } from '../../shared/verb/verb.ts';
import type { View } from '../../shared/verb/view.ts';
import { printed, withNodes } from './tables/answers.ts';

/** What nodes report about themselves; nothing is pinged. */
export const nodestat: Verb<null> = {
  name: 'nodestat',
  version: 1,
  changes: false,
  start(asked, known) {
    return withNodes(asked, known, asked.operands[0] ?? '', (nodes) => {
      const states = nodes.map((node) => ({
        node,
        state: state(known, node, hasFlag(asked, 'powerstat'), hasFlag(asked, 'usemon')),
      }));
      if (asked.json) return end({ do: 'data', value: states }, { do: 'done', exit: 0 });
      return printed(states.map(({ node, state: text }) => `${node}: ${text}\n`).join(''));
    });
  },
};

function state(known: View, node: string, power: boolean, applications: boolean): string {
  const status = columnValue(known, node, 'nodelist.status')?.value ?? '';
  const step = status === 'installing' ? (known.reported('node', node)?.['hostler.nim'] ?? '') : '';
  const appStatus = applications ? (columnValue(known, node, 'nodelist.appstatus')?.value ?? '') : '';
  if (status === '' || status === 'defined' || status === 'unreachable' || status === 'powering-off') {
    return power && status === 'powering-off' ? 'noping(off)' : 'noping';
  }
  const shown = step === '' ? status : `${status} ${withPercent(step)}`;
  return appStatus === '' ? shown : `${shown},${appStatus}`;
}

/** The step as NIM words it; where that tells a percentage, it stands in front. */
function withPercent(step: string): string {
  const percent = /(?<!\d)(\d{1,3})\s?%/.exec(step)?.[1];
  return percent === undefined ? `(${step})` : `${percent}% (${step})`;
}
