import { columnValue } from '../../../shared/objects/index.ts';
import type { View } from '../../../shared/verb/view.ts';

/**
 * addkcmdline's `#NODEATTRIB:table:column#` and `#TABLE:table:$NODE:column#`, replaced by what the node has there;
 * unset is the empty string. Only tables that are keyed by node can be named.
 */
export function substituted(known: View, node: string, text: string): string {
  return text.replace(
    /#NODEATTRIB:(\w+):(\w+)#|#TABLE:(\w+):\$NODE:(\w+)#/g,
    (
      _whole,
      table: string | undefined,
      column: string | undefined,
      other: string | undefined,
      its: string | undefined,
    ) => columnValue(known, node, `${table ?? other ?? ''}.${column ?? its ?? ''}`)?.value ?? '',
  );
}
