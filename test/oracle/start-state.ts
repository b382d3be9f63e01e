import { createRow } from '../../manager/verbs/tables/changes.ts';
import { merged } from '../../manager/verbs/tables/node-rows.ts';
import { tableNamed } from '../../manager/verbs/tables/rows.ts';
import type { Change } from '../../shared/verb/effect.ts';
import { MemoryView } from '../unit/support/view.ts';
import { recordedServer } from './agreement.ts';
import type { StartState } from './cases.ts';

/** The daemon of the original registers this when it starts, beside what the start state holds. */
const addedByDaemon: StartState = {
  notification: [{ filename: 'montbhandler.pm', tables: 'monitoring', tableops: 'a,d' }],
};

export function withDaemonRows(state: StartState): StartState {
  return { ...state, ...addedByDaemon };
}

/** The objects that hold these table rows. `server`: our short host name in the place of the recorded one. */
export function startObjects(state: StartState, server: string): Change[] {
  const view = new MemoryView();
  const changes: Change[] = [];
  for (const [name, rows] of Object.entries(withDaemonRows(state))) {
    const table = tableNamed(name);
    if (table === undefined) throw new Error(`The start state has a table that nobody knows: ${name}`);
    for (const row of rows) {
      const neutral = Object.entries(row).map(([column, value]) => [column, value === recordedServer ? server : value]);
      const change = createRow(view, table, Object.fromEntries(neutral) as Record<string, string>);
      if (change === undefined)
        throw new Error(`A row of ${name} in the start state has no name: ${JSON.stringify(row)}`);
      view.commit([change]);
      changes.push(change);
    }
  }
  return merged(changes);
}
