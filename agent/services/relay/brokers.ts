import { atManager, leafAddresses, leafPort } from '../../../shared/broker/address.ts';
import { installHint } from '../../../shared/process/hints.ts';
import { keepsLeaf } from '../../identity/identity.ts';
import type { Address } from '../../store/server.ts';
import { type Relay, openRelay } from './door.ts';
import type { RelayAsked } from './index.ts';
import { type Leaf, keepLeaf } from './leaf.ts';

export type BrokerDoorsAsked = Omit<RelayAsked, 'home'> & {
  /** Everything of the leaf node lies here. */
  readonly folder: string;
};

export interface BrokerDoors {
  close(): Promise<void>;
}

/**
 * What agents behind a relay find on the broker's port: the relay's leaf node, where this machine has a nats-server; else
 * the broker itself, byte for byte, as long as it can be reached. Beside it the broker's door for leaf nodes, for a relay
 * behind this one. Nothing where the manager has no broker; it may get one later.
 */
export async function openBrokerDoors(asked: BrokerDoorsAsked): Promise<BrokerDoors> {
  const doors = new Doors(asked);
  await doors.open();
  const unsubscribe = asked.onRenewed(() => void doors.open());
  return {
    async close() {
      unsubscribe();
      await doors.close();
    },
  };
}

class Doors {
  readonly #asked: BrokerDoorsAsked;
  readonly #relays: Relay[] = [];
  #leaf: Leaf | undefined;
  #through = false;
  /** One change after the other. */
  #tail: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(asked: BrokerDoorsAsked) {
    this.#asked = asked;
  }

  /** Called again when there is a new certificate. Never rejects. */
  open(): Promise<void> {
    this.#tail = this.#tail.then(() => this.#open());
    return this.#tail;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#tail;
    await this.#closeRelays();
    await this.#leaf?.close();
  }

  async #open(): Promise<void> {
    if (this.#closed) return;
    if (this.#leaf !== undefined) {
      this.#leaf.renewed();
      return;
    }
    const { choice, identity, manager, at, log } = this.#asked;
    const { nats, roles } = identity();
    const brokers = choice.brokers ?? atManager(nats?.servers ?? [], manager);
    const [first] = at;
    if (nats === undefined || brokers.length === 0 || first === undefined) return;
    const port = Number(brokers[0]?.split(':').at(-1));
    const hosts = at.map(({ host }) => ({ host, port }));
    if (nats.leaf !== undefined) {
      await this.#closeRelays();
      const leafs = leafAddresses(brokers);
      this.#leaf = keepLeaf({ ...this.#asked, listen: { host: first.host, port }, brokers: leafs });
      // A nats-server listens at one address.
      await this.#carry(hosts.slice(1), [`${first.host === '0.0.0.0' ? '127.0.0.1' : first.host}:${port}`]);
      await this.#carry(
        at.map(({ host }) => ({ host, port: leafPort(port) })),
        leafs,
      );
      return;
    }
    if (this.#through) return;
    this.#through = true;
    await this.#carry(hosts, brokers);
    if (keepsLeaf(roles)) this.#asked.renewSoon();
    else {
      log.warn(
        {},
        `There is no nats-server on this machine: the relay carries connections to the broker, and keeps no leaf node of it; ` +
          `over NATS nothing waits here while the hub is away. ${installHint('nats-server')}, and start the agent again.`,
      );
    }
  }

  async #carry(at: readonly Address[], to: readonly string[]): Promise<void> {
    if (at.length === 0) return;
    const { log, mayEnter } = this.#asked;
    const only = mayEnter && { mayEnter };
    try {
      this.#relays.push(await openRelay({ at, to, speaksFirst: 'server', ...only, log: (line) => log.info({}, line) }));
    } catch (err) {
      // The broker itself may be on this machine: then nobody needs it carried.
      log.warn({ err }, 'the relay carries links to the manager, and some to its broker not');
    }
  }

  async #closeRelays(): Promise<void> {
    this.#through = false;
    for (const relay of this.#relays.splice(0)) await relay.close();
  }
}
