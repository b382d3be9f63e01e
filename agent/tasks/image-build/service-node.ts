import { serviceNodeRoles } from '../../../shared/identity/names.ts';
import type { Pass } from './pkglist.ts';

/**
 * What stands in the otherpkglist of a service node: Hostler's own agent with the roles that others need. No repository
 * has it: the agent is in every image, and this makes it one that serves. xCAT's documents put `xcat/xcat-core/xCATsn`
 * in the same place, so lists that were written for it mean the same.
 */
const serviceNames: readonly string[] = ['hostler/service-node', 'xcat/xcat-core/xCATsn', 'xCATsn'];

export function isServiceName(name: string): boolean {
  return serviceNames.includes(name);
}

/** Roles that the otherpkglist asks of the agent in the image; none for an ordinary node. */
export function rolesAskedFor(passes: readonly Pass[]): readonly string[] {
  return passes.some((pass) => pass.packages.some(isServiceName)) ? serviceNodeRoles : [];
}

/** The passes for a package manager, which knows nothing of it. */
export function withoutServiceNames(passes: readonly Pass[]): Pass[] {
  return passes
    .map((pass) => ({ ...pass, packages: pass.packages.filter((name) => !isServiceName(name)) }))
    .filter((pass) => pass.packages.length + pass.remove.length + pass.removeAfter.length > 0);
}
