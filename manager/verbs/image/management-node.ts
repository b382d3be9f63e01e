import type { View } from '../../../shared/verb/view.ts';
import { words } from './description.ts';

/** The agent that runs on the management node (it has the manager's name), with the first of these roles that it has. */
export function managementNode(
  known: View,
  server: string,
  roles: readonly string[],
): { readonly role: string; readonly agent: string } | undefined {
  const row = known.reported('agent', server);
  const own = row?.['agent.state'] === 'revoked' ? [] : words(row?.['agent.roles'] ?? '');
  const role = roles.find((one) => own.includes(one));
  return role === undefined ? undefined : { role, agent: server };
}
