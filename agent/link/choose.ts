import { HostlerError } from '../../shared/errors/error.ts';
import { atManager } from '../../shared/broker/address.ts';
import type { Duplex } from '../../shared/session/duplex.ts';
import type { FromAgent } from '../../shared/wire/generated/hostler/v1/FromAgent.ts';
import type { ToAgent__Output } from '../../shared/wire/generated/hostler/v1/ToAgent.ts';
import type { Identity } from '../identity/identity-files.ts';
import { grpcCarrier } from './grpc.ts';
import { type Keeping, keeperAt } from './keeper.ts';
import type { Carrier } from './link.ts';
import { natsCarrier } from './nats.ts';

/** What the administrator said; nothing of it: the manager's offer counts. */
export interface LinkChoice {
  readonly link?: 'grpc' | 'nats';
  /** HOST:PORT each, instead of what the manager told at enrolment. */
  readonly brokers?: readonly string[];
}

export interface ChooseOptions {
  readonly choice: LinkChoice;
  /** HOST:PORT or unix:PATH */
  readonly manager: string;
  readonly identity: () => Identity;
  /** The broker does not accept the credential: a new one should be asked for soon. */
  readonly stale: () => void;
}

/** While nobody was told which link to take: after so many attempts in vain at the broker, one at the manager itself. */
const attemptsAtBroker = 4;

/**
 * The carrier for the next attempt. Without a choice that is NATS where the manager has a broker, but not for an agent
 * that has the manager's socket before it; and gRPC now and then when the broker cannot be reached: a manager that gave
 * its broker up gets its agents back.
 */
export function chosenCarrier({ choice, manager, identity, stale }: ChooseOptions): Carrier {
  const overGrpc = grpcCarrier(manager, identity);
  const overNats = natsCarrier({
    servers: () => choice.brokers ?? atManager(identity().nats?.servers ?? [], manager),
    identity,
  });
  let inVain = 0;

  function takesNats(): boolean {
    if (choice.link !== undefined) return choice.link === 'nats';
    if (manager.startsWith('unix:') || identity().nats === undefined) return false;
    return inVain < attemptsAtBroker;
  }

  const carrier: Carrier = async (signal) => {
    if (!takesNats()) {
      inVain = 0;
      return overGrpc(signal);
    }
    // Until the manager is heard: a broker that answers is not enough.
    inVain++;
    try {
      return listening(await overNats(signal), () => (inVain = 0));
    } catch (thrown) {
      const error = HostlerError.from(thrown, 'unavailable');
      if (error.code === 'unauthenticated' || error.code === 'failed_precondition') stale();
      throw error;
    }
  };
  const { called } = overNats;
  return Object.assign(carrier, brokerOrRelay(overNats, keeperAt(manager, identity)), called && { called });
}

/** Reports are laid down at the broker while that is there, else at the relay before the manager, if there is one. */
function brokerOrRelay(broker: Keeping, relay: Keeping): Required<Keeping & Pick<Carrier, 'place'>> {
  let atBroker = false;
  return {
    async canKeep() {
      atBroker = (await broker.canKeep?.()) === true;
      return atBroker || (await relay.canKeep?.()) === true;
    },
    place: () => (atBroker ? 'broker' : 'relay'),
    async keep(incarnation, messages) {
      await (atBroker ? broker : relay).keep?.(incarnation, messages);
    },
  };
}

type AgentEnd = Duplex<ToAgent__Output, FromAgent>;

function listening(duplex: AgentEnd, heard: () => void): AgentEnd {
  return {
    incoming: noting(duplex.incoming, heard),
    send: (message) => duplex.send(message),
    close: (reason) => duplex.close(reason),
  };
}

async function* noting<Item>(items: AsyncIterable<Item>, heard: () => void): AsyncGenerator<Item> {
  for await (const item of items) {
    heard();
    yield item;
  }
}
