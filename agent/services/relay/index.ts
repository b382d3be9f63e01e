import { join } from 'node:path';
import { atManager } from '../../../shared/broker/address.ts';
import type { Identity } from '../../identity/identity-files.ts';
import type { LinkChoice } from '../../link/choose.ts';
import type { Address } from '../../store/server.ts';
import { openRelay } from './door.ts';
import { openKeeper } from './keeper.ts';

interface RelayAsked {
  /** The agent's home. */
  readonly home: string;
  /** What the certificate grants. */
  readonly roles: readonly string[];
  /** `--relay HOST:PORT` */
  readonly at: readonly Address[];
  /** HOST:PORT or unix:PATH */
  readonly manager: string;
  readonly identity: () => Identity;
  readonly choice: LinkChoice;
  readonly log: { info(fields: object, line: string): void; warn(fields: object, line: string): void };
}

export interface RelayService {
  /** The manager was heard: what was kept for it can go. */
  reached(): void;
  close(): Promise<void>;
}

/**
 * The relay of an agent whose certificate gives it that role and that was told where to listen; of others, nothing. Where
 * the manager has a broker, the relay carries links to that as well, on the broker's own port: an agent behind is told
 * `:PORT` at enrolment and looks for the broker where it found the manager, which is here.
 */
export async function relayOf(asked: RelayAsked): Promise<RelayService> {
  const { roles, at, manager, log } = asked;
  const nothing: RelayService = { reached: () => undefined, close: async () => undefined };
  if (!roles.includes('relay')) {
    if (at.length > 0) log.warn({}, '--relay is left out: the certificate does not grant the role relay');
    return nothing;
  }
  if (at.length === 0) {
    log.warn({}, 'the role relay carries nothing as long as --relay HOST:PORT does not say where agents may connect');
    return nothing;
  }
  const say = (line: string): void => log.info({}, line);
  const keeper = await openKeeper({ ...asked, folder: join(asked.home, 'keeper') });
  const relays = [await openRelay({ at, to: [manager], speaksFirst: 'agent', keeper, log: say })];
  const close = async (): Promise<void> => {
    // First, for its connections came by the relay's door.
    await keeper.close();
    for (const relay of relays) await relay.close();
  };
  const brokers = asked.choice.brokers ?? atManager(asked.identity().nats?.servers ?? [], manager);
  const port = Number(brokers[0]?.split(':').at(-1));
  if (brokers.length > 0) {
    try {
      const hosts = at.map(({ host }) => ({ host, port }));
      relays.push(await openRelay({ at: hosts, to: brokers, speaksFirst: 'server', log: say }));
    } catch (thrown) {
      // The broker itself may be on this machine: then nobody needs it carried.
      log.warn({ err: thrown }, 'the relay carries links to the manager, and none to its broker');
    }
  }
  return { reached: () => keeper.now(), close };
}
