import { hasFlag } from '../../shared/verb/asked.ts';
import { end, type Verb } from '../../shared/verb/verb.ts';
import { printed } from './tables/answers.ts';

/** What scripts ask a server about itself. */
export const lsxcatd: Verb<null> = {
  name: 'lsxcatd',
  version: 1,
  changes: false,
  start(asked, known) {
    const all = hasFlag(asked, 'all');
    const facts: Record<string, string> = {};
    if (all || hasFlag(asked, 'database')) facts['dbengine'] = 'LevelDB';
    if (all || hasFlag(asked, 'nodetype')) facts['nodetype'] = 'Management Node';
    if (all) facts['revision'] = String(known.revision);
    if (asked.json) return end({ do: 'data', value: facts }, { do: 'done', exit: 0 });
    return printed(
      Object.entries(facts)
        .map(([name, value]) => `${name}=${value}\n`)
        .join(''),
    );
  },
};
