import { inNetwork, normalMac } from '../../../shared/boot/address.ts';
import { agentPlaceholder, nodePlaceholder, type BootNode, type BootProfile } from '../../../shared/task/boot-apply.ts';
import type { Address } from '../../store/server.ts';
import { filesOf, type BootState } from './state.ts';

export interface Found {
  readonly name: string;
  readonly node: BootNode;
  readonly profile: BootProfile;
}

/** Who is meant by a MAC, an address; which files may be loaded. Made anew for every state. */
export class Lookup {
  readonly state: BootState;
  readonly #macs = new Map<string, Found>();
  readonly #addresses = new Map<string, Found>();
  readonly #files: ReadonlySet<string>;
  readonly #relay: readonly Address[];

  /** `relay`: where this machine carries links to the manager, if it does. */
  constructor(state: BootState, relay: readonly Address[] = []) {
    this.state = state;
    this.#relay = relay;
    for (const [name, node] of Object.entries(state.nodes)) {
      const profile = state.profiles[node.profile];
      if (!profile) continue;
      const found = { name, node, profile };
      for (const mac of node.macs) this.#macs.set(mac, found);
      this.#addresses.set(node.ip, found);
    }
    this.#files = filesOf(state.profiles);
  }

  /** Any spelling of a MAC. */
  byMac(mac: string): Found | undefined {
    return this.#macs.get(normalMac(mac) ?? '');
  }

  byAddress(address: string | undefined): Found | undefined {
    return this.#addresses.get(plainAddress(address));
  }

  /** What the node of that name is to load. */
  byName(name: string): BootProfile | undefined {
    const node = Object.hasOwn(this.state.nodes, name) ? this.state.nodes[name] : undefined;
    return node === undefined ? undefined : this.state.profiles[node.profile];
  }

  /** The node of that MAC, when it speaks from its own address; undefined otherwise. */
  speaking(mac: string, from: string | undefined): Found | undefined {
    const found = this.byMac(mac);
    return found && found.node.ip === plainAddress(from) ? found : undefined;
  }

  /** Where that node is to find the manager (HOST:PORT): at this machine, where it is a relay for the node's network. */
  managerFor({ node }: Found): string {
    const { networks, manager } = this.state.service;
    const network = networks.find(({ net, mask }) => inNetwork(node.ip, net, mask));
    if (network === undefined) return manager;
    for (const { host, port } of this.#relay) {
      if (host === '0.0.0.0' || host === '::' || host === network.server) return `${network.server}:${port}`;
      if (inNetwork(host, network.net, network.mask)) return `${host}:${port}`;
    }
    return manager;
  }

  mayLoad(digest: string, now: number): boolean {
    return this.#files.has(digest) || (this.state.retired[digest] ?? 0) > now;
  }
}

function plainAddress(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:/, '');
}

/** The node's own boot script. `agent`: who serves it. */
export function scriptFor({ node, profile }: Found, agent: string): string {
  return profile.ipxe.replaceAll(nodePlaceholder, node.hostname).replaceAll(agentPlaceholder, agent);
}
