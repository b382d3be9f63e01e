import { programVersion } from '../shared/text/version.ts';
import type { Enrolled } from './agent.ts';
import { ensureIdentity, keepRenewed } from './identity/identity.ts';
import type { LinkChoice } from './link/choose.ts';
import type { EnsureOptions } from './identity/identity.ts';
import type { Incarnation } from './spool/incarnation.ts';

/** What is needed to become, or to go on being, an agent of a manager. */
export type EnrolOptions = Pick<EnsureOptions, 'home' | 'manager' | 'proof' | 'log' | 'signal'> & {
  /** Absent: what the manager offers. */
  readonly choice?: LinkChoice;
};

/** Enrols where that is not done yet, and keeps the certificate valid from then on. Errors as ensureIdentity. */
export async function enrol(options: EnrolOptions, incarnation: Incarnation): Promise<Enrolled> {
  const identity = await ensureIdentity({ ...options, version: programVersion(), incarnation: incarnation.id });
  const listeners = new Set<() => void>();
  const { home, manager, log } = options;
  const kept = keepRenewed(identity, {
    home,
    manager,
    log,
    renewed: () => listeners.forEach((listener) => listener()),
  });
  return {
    name: identity.name,
    roles: identity.roles,
    manager,
    choice: options.choice ?? {},
    renewSoon: () => kept.soon(),
    identity: () => kept.current(),
    onRenewed: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    stop: () => kept.stop(),
  };
}
