import { isInterfaceName } from '../../../shared/boot/address.ts';
import { commaList, groupsOf } from '../../../shared/objects/index.ts';
import type { Requirement } from '../../../shared/verb/effect.ts';
import type { View } from '../../../shared/verb/view.ts';

/** The boot server of nodes that name no service node. */
export const defaultServer = '';

/** Names of agents that have the role boot, by what the fleet reported; in order. */
export function bootAgents(known: View): string[] {
  return [...known.reportedRows('agent')]
    .filter(([, row]) => commaList(row['agent.roles'] ?? '').includes('boot') && row['agent.state'] !== 'revoked')
    .map(([name]) => name)
    .sort();
}

/** The agent of a machine that booted by us: one that serves is a service node, also before there are nodes behind it. */
export function hasBooted(known: View, agent: string): boolean {
  return known.reported('agent', agent)?.['agent.kind'] === 'node';
}

/**
 * Which agent serves. A service node is the agent of its name. The manager's own nodes go to one and the same agent
 * every time: the first by name that is no service node; `serviceNodes` are those that any node names.
 */
export function placeOf(known: View, server: string, serviceNodes: ReadonlySet<string>): Requirement {
  if (server !== defaultServer) return { role: 'boot', agent: server };
  const own = bootAgents(known).find((name) => !serviceNodes.has(name) && !hasBooted(known, name));
  return own === undefined ? { role: 'boot' } : { role: 'boot', agent: own };
}

/**
 * site.dhcpinterfaces for one server: `eth1,eth2`, or `mn|eth1,eth2;service|bond0`, where before the bar stands a name
 * or a group of service nodes. `names`: what the server is called. `:noboot` interfaces serve no boots.
 */
export function interfacesFor(known: View, text: string, server: string, names: readonly string[]): string[] {
  const called = new Set([...names, ...(server === defaultServer ? [] : [server, ...groupsOf(known, server)])]);
  const found: string[] = [];
  for (const part of text.split(';')) {
    const bar = part.indexOf('|');
    const owners = bar < 0 ? undefined : commaList(part.slice(0, bar));
    if (owners !== undefined && !owners.some((owner) => called.has(owner.trim()))) continue;
    for (const word of commaList(part.slice(bar + 1))) {
      const [name = '', ...flags] = word.trim().split(':');
      if (isInterfaceName(name) && !flags.includes('noboot') && !found.includes(name)) found.push(name);
    }
  }
  return found;
}
