import type { View } from '../../shared/verb/view.ts';

/** Who asks. */
export interface Caller {
  readonly name: string;
  readonly uid: number;
}

export type Permission = 'trusted' | 'allowed' | 'denied';

function byPriority(a: string, b: string): number {
  return Number(a) - Number(b) || (a < b ? -1 : 1);
}

/** A value that is unset, empty or `*` matches everything; a list matches its words. */
function matches(value: string | undefined, word: string): boolean {
  if (value === undefined || value === '' || value === '*') return true;
  return value.split(/[\s,]+/).includes(word);
}

function limited(value: string | undefined): boolean {
  return value !== undefined && value !== '' && value !== '*';
}

/**
 * What the policy objects say about a user and a command: the first that fits, by priority, decides. Root and the user
 * the manager runs as may always do everything, so that nobody locks himself out. A rule that is limited to nodes,
 * parameters or hosts cannot be checked here in full, and therefore allows nothing; it still denies.
 * Source: facts on objects, section 8.
 */
export function permission(policies: View, caller: Caller, owner: number, command: string): Permission {
  if (caller.uid === 0 || caller.uid === owner) return 'trusted';
  const rows = [...policies.rows('policy')].sort(([a], [b]) => byPriority(a, b));
  for (const [, row] of rows) {
    const name = row['policy.name'];
    // A rule without a name is about machines that ask without a certificate; it is nothing for people.
    if (name === undefined || name === '' || !matches(name, caller.name) || !matches(row['policy.commands'], command))
      continue;
    const rule = row['policy.rule']?.toLowerCase();
    if (rule !== 'allow' && rule !== 'accept' && rule !== 'trusted') return 'denied';
    if ([row['policy.noderange'], row['policy.parameters'], row['policy.host'], row['policy.time']].some(limited))
      continue;
    return rule === 'trusted' ? 'trusted' : 'allowed';
  }
  return 'denied';
}
