import type { View } from '../verb/view.ts';
import { isDisabled } from './columns.ts';

/** The row of the postscripts table that holds for every node. */
export const defaultsRow = 'xcatdefaults';

/** Scripts that every node runs before its own: `postscripts` and `postbootscripts` of `xcatdefaults`. */
export function defaultScripts(view: View): { readonly postscripts: string; readonly postbootscripts: string } {
  const row = view.row('group', defaultsRow);
  if (row === undefined || isDisabled(row['postscripts.disable'])) return { postscripts: '', postbootscripts: '' };
  return {
    postscripts: row['postscripts.postscripts'] ?? '',
    postbootscripts: row['postscripts.postbootscripts'] ?? '',
  };
}
