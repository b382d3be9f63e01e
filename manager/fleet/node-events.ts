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

/** Which message of which life of its agent brought an event; sequence 0: it was not numbered. */
export interface EventNumber {
  readonly incarnation: string;
  readonly sequence: number;
}

/** Beside what is reported of an agent: `INCARNATION/SEQUENCE` of its last event that had an effect. */
const lastEvent = 'agent.lastevent';

/** Messages of one life come in order, so whatever has no higher number was there before. */
function isCounted(last: string | null, { incarnation, sequence }: EventNumber): boolean {
  const [life, number] = (last ?? '').split('/');
  return sequence > 0 && life === incarnation && sequence <= Number(number);
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

  /**
   * From a boot server about any node, from an agent beside a NIM master what NIM says of one, from a node about itself; anything
   * else is refused with a line in the log. Numbered ones count once, however often they come: a boot that is told again after
   * the next one began would be mixed with it. Rejects when the disk did not take it: then nothing counts, and it may come again.
   */
  async seen(from: AgentRecord, event: NodeEvent__Output, number: EventNumber): Promise<void> {
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
    const before = this.#registry.view.reported('agent', from.name)?.[lastEvent] ?? null;
    if (isCounted(before, number)) return;
    this.observe(event.node, { stage: event.stage, at: event.at, bootId: printable(event.bootId), detail });
    // All in one turn of the loop, and so in one batch: on the disk is either the event with its number, or neither.
    if (number.sequence > 0) this.#mark(from.name, `${number.incarnation}/${String(number.sequence)}`);
    try {
      if (event.stage === 'installed') await this.#installed(event.node, from.name, /^sysclone/);
      // Diskless machines are booted so again and again; one that NIM has installed is not.
      if (event.stage === 'nim-booted') await this.#installed(event.node, from.name, /^standalone$/);
    } catch (thrown) {
      this.#log.warn({ node: event.node, err: thrown }, 'the node is installed, but its state is not noted');
      this.#mark(from.name, before);
      throw thrown;
    }
  }

  #mark(agent: string, value: string | null): void {
    this.#registry.observe('agent', agent, { [lastEvent]: value });
  }

  /** The node starts from its disk from now on: it is never wiped again unless somebody asks for it. */
  async #installed(node: string, server: string, installing: RegExp): Promise<void> {
    const currstate = this.#registry.view.row('node', node)?.['chain.currstate'] ?? '';
    if (!installing.test(currstate)) return;
    const info = { user: `agent:${server}`, command: 'installed', correlation: node, at: this.#now() };
    const values = { 'chain.currstate': 'boot', 'chain.currchain': null };
    const change = { type: 'node', name: node, values, expected: { 'chain.currstate': currstate } };
    await this.#registry.commit(info, [change]);
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
