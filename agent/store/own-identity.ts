import { HostlerError } from '../../shared/errors/error.ts';
import { type Identity, loadIdentity } from '../identity/identity-files.ts';

/** The agent's identity, for a task's own process. `failed_precondition`: this agent has not joined yet. */
export async function readIdentity(home: string): Promise<Identity> {
  const identity = await loadIdentity(home);
  if (identity) return identity;
  throw new HostlerError('failed_precondition', `This agent has no identity in ${home} yet; it must join first.`);
}
