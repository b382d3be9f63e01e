import type { NatsConnection } from 'nats';
import { type BrokerLogin, connectBroker, leaveBroker } from '../../../shared/broker/connection.ts';
import { HostlerError } from '../../../shared/errors/error.ts';
import type { TlsIdentity } from '../../../shared/identity/tls.ts';
import type { NatsAuthority } from '../authority/nats-authority.ts';
import { type NatsLink, type NatsLinkDeps, openNatsLink } from './nats.ts';

/** How often it is looked which relays there are, in milliseconds. */
const lookEvery = 500;

/** Where a broker takes accounts while it runs. */
const addAccount = '$SYS.REQ.CLAIMS.UPDATE';
const patience = 5_000;

export interface RelayLinksDeps extends Omit<NatsLinkDeps, 'login' | 'via' | 'fleet'> {
  readonly fleet: NatsLinkDeps['fleet'] & {
    readonly enrolment: { keepsLeaf(name: string): boolean };
  };
  readonly authority: Pick<NatsAuthority, 'relays' | 'relay' | 'onRelay' | 'claim' | 'systemLogin'>;
  /** HOST:PORT each. */
  readonly servers: readonly string[];
  /** Asked anew for each connection. */
  readonly identity: () => Promise<TlsIdentity>;
}

export interface RelayLinks {
  /** By the relay's name. */
  readonly links: ReadonlyMap<string, NatsLink>;
  /** Abrupt: as when the process was killed. */
  close(abrupt?: boolean): Promise<void>;
}

/**
 * One link for each relay, in the account of that relay and the agents behind it. The broker does not check what a leaf node
 * publishes (2.9 leaves that to the leaf itself), but it keeps accounts apart: a relay that was broken into can speak for
 * those behind it and for nobody else. The link of one that may be a relay no more is closed.
 */
export function openRelayLinks(deps: RelayLinksDeps): RelayLinks {
  const { authority, fleet, log } = deps;
  const links = new Map<string, NatsLink>();
  const closing = new Set<Promise<void>>();

  function look(): void {
    for (const [name, link] of links) {
      if (fleet.enrolment.keepsLeaf(name)) continue;
      links.delete(name);
      log.info({ relay: name }, 'this agent is a relay no more; nobody speaks by it');
      const closed = link.close().finally(() => closing.delete(closed));
      closing.add(closed);
    }
    for (const name of authority.relays) {
      if (links.has(name) || !fleet.enrolment.keepsLeaf(name)) continue;
      links.set(name, openNatsLink({ ...deps, via: name, login: () => login(name) }));
    }
  }

  /** A broker that was started with an empty disk has to be told again: before each connection. */
  async function login(name: string): Promise<BrokerLogin> {
    const account = authority.relay(name);
    if (account === undefined) throw new HostlerError('internal', `The relay '${name}' has no account.`);
    const tls = await deps.identity();
    const broker = await connectBroker(await authority.systemLogin(deps.servers, tls));
    try {
      await claim(broker, await authority.claim(account));
    } finally {
      await leaveBroker(broker);
    }
    return account.managerLogin(deps.servers, tls);
  }

  look();
  // Its leaf node comes soon: the broker is to know the account by then.
  authority.onRelay(look);
  const looking = setInterval(look, lookEvery);
  return {
    links,
    async close(abrupt = false) {
      clearInterval(looking);
      authority.onRelay(() => undefined);
      await Promise.all([...closing, ...[...links.values()].map((link) => link.close(abrupt))]);
    },
  };
}

/** Throws `failed_precondition` for a broker that knows only the accounts of its configuration. */
async function claim(broker: NatsConnection, jwt: string): Promise<void> {
  interface Answer {
    readonly error?: { readonly description?: string };
  }
  let why: string | undefined;
  try {
    const answer = await broker.request(addAccount, Buffer.from(jwt), { timeout: patience });
    why = (JSON.parse(Buffer.from(answer.data).toString()) as Answer).error?.description;
  } catch (thrown) {
    why = thrown instanceof Error ? thrown.message : String(thrown);
  }
  if (why === undefined) return;
  throw new HostlerError(
    'failed_precondition',
    `The broker takes no account for a relay: ${why}. One of your own needs 'resolver { type: full, dir: FOLDER }' ` +
      `instead of 'resolver: MEMORY'.`,
  );
}
