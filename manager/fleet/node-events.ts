import { bootStages, installStages, nimStages, nodeTroubles } from '../../shared/task/node-events.ts';
import type { NodeEvent__Output } from '../../shared/wire/generated/hostler/v1/NodeEvent.ts';
import type { Registry } from '../registry/types.ts';
import { printable } from './authority/boot-authority.ts';
import type { FleetLog } from './log.ts';
import { nodeStateAfter } from './node-state.ts';
import type { AgentRecord } from './records.ts';

/** Machines nobody knows that are remembered, newest last. */
const mostStrangers = 200;

const stages: ReadonlySet<string> = new Set([...bootStages, ...installStages, ...nodeTroubles, ...nimStages]);

/** A machine that asked a boot server for something and is no node. */
export interface Stranger {
  readonly mac: string;
  readonly server: string;
  readonly at: number;
  readonly times: number;
  readonly detail: string;
}

/** Turns what agents saw of nodes into reported state of these nodes. */
export class NodeEvents {
  readonly #registry: Pick<Registry, 'commit' | 'observe' | 'view'>;
  readonly #log: FleetLog;
  readonly #now: () => number;
  readonly #strangers = new Map<string, Stranger>();

  constructor(registry: Pick<Registry, 'commit' | 'observe' | 'view'>, log: FleetLog, now: () => number) {
    this.#registry = registry;
    this.#log = log;
    this.#now = now;
  }

  strangers(): Stranger[] {
    return [...this.#strangers.values()];
  }

  /** From a boot server about any node, from an agent beside a NIM master what NIM says of one, from a node about itself; anything else is refused with a line in the log. */
  seen(from: AgentRecord, event: NodeEvent__Output): void {
    const role = nimStages.some((stage) => stage === event.stage) ? 'nim' : 'boot';
    if (!from.roles.includes(role) && event.node !== from.name) {
      this.#log.warn(
        { agent: from.name, node: printable(event.node), stage: printable(event.stage) },
        `an agent without the role ${role} reported about another node; nothing changed`,
      );
      return;
    }
    if (!stages.has(event.stage)) {
      this.#log.warn(
        { agent: from.name, node: printable(event.node), stage: printable(event.stage) },
        'unknown boot stage',
      );
      return;
    }
    const detail = printable(event.detail);
    if (event.stage === 'unknown-node' || !this.#registry.view.has('node', event.node)) {
      this.#stranger(from.name, event, detail);
      return;
    }
    this.observe(event.node, { stage: event.stage, at: event.at, bootId: printable(event.bootId), detail });
    if (event.stage === 'installed') this.#installed(event.node, from.name, /^sysclone/);
    // Diskless machines are booted so again and again; one that NIM has installed is not.
    if (event.stage === 'nim-booted') this.#installed(event.node, from.name, /^standalone$/);
  }

  /** The node starts from its disk from now on: it is never wiped again unless somebody asks for it. */
  #installed(node: string, server: string, installing: RegExp): void {
    const currstate = this.#registry.view.row('node', node)?.['chain.currstate'] ?? '';
    if (!installing.test(currstate)) return;
    const info = { user: `agent:${server}`, command: 'installed', correlation: node, at: this.#now() };
    const values = { 'chain.currstate': 'boot', 'chain.currchain': null };
    this.#registry
      .commit(info, [{ type: 'node', name: node, values, expected: { 'chain.currstate': currstate } }])
      .catch((error: unknown) =>
        this.#log.warn({ node, err: error }, 'the node is installed, but its state is not noted'),
      );
  }

  /** What the manager itself knows of a node. */
  observe(node: string, event: { stage: string; at: number; bootId: string; detail: string }): void {
    const { view } = this.#registry;
    const currstate = view.row('node', node)?.['chain.currstate'] ?? '';
    const at = this.#believable(event.at);
    const values = nodeStateAfter(view.reported('node', node) ?? {}, { ...event, at }, currstate);
    if (Object.keys(values).length === 0) return;
    this.#log.info({ node, stage: event.stage, detail: event.detail }, 'node event');
    this.#registry.observe('node', node, values);
  }

  /** Clocks of booting machines may be anywhere; an outbox may have waited for an hour. */
  #believable(at: number): number {
    const now = this.#now();
    return at > now + 60_000 || at < now - 3600_000 ? now : at;
  }

  #stranger(server: string, event: NodeEvent__Output, detail: string): void {
    const mac = printable(event.mac || event.node);
    const before = this.#strangers.get(mac);
    this.#strangers.delete(mac);
    this.#strangers.set(mac, { mac, server, at: this.#now(), times: (before?.times ?? 0) + 1, detail });
    for (const oldest of this.#strangers.keys()) {
      if (this.#strangers.size <= mostStrangers) break;
      this.#strangers.delete(oldest);
    }
    if (before === undefined) this.#log.warn({ mac, server, detail }, 'a machine that is no node asked to boot');
  }
}
