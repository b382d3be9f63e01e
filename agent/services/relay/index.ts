import { join } from 'node:path';
import type { Identity } from '../../identity/identity-files.ts';
import type { LinkChoice } from '../../link/choose.ts';
import type { Address } from '../../store/server.ts';
import { openBrokerDoors } from './brokers.ts';
import { openRelay } from './door.ts';
import { openKeeper } from './keeper.ts';

export interface RelayAsked {
  /** The agent's home. */
  readonly home: string;
  /** What the certificate grants. */
  readonly roles: readonly string[];
  /** `--relay HOST:PORT` */
  readonly at: readonly Address[];
  /** As in RelayDeps. */
  readonly mayEnter?: (address: string) => boolean;
  /** HOST:PORT or unix:PATH */
  readonly manager: string;
  readonly identity: () => Identity;
  readonly choice: LinkChoice;
  /** A new certificate and credential are wanted before their time. */
  readonly renewSoon: () => void;
  readonly onRenewed: (listener: () => void) => () => void;
  readonly log: {
    info(fields: object, line: string): void;
    warn(fields: object, line: string): void;
    error(fields: object, line: string): void;
  };
}

export interface RelayService {
  /** The manager was heard: what was kept for it can go. */
  reached(): void;
  close(): Promise<void>;
}

/**
 * The relay of an agent whose certificate gives it that role and that was told where to listen; of others, nothing. Where
 * the manager has a broker, the relay keeps a leaf node of it as well, on the broker's own port: an agent behind is told
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
  const only = asked.mayEnter && { mayEnter: asked.mayEnter };
  const relay = await openRelay({ at, to: [manager], speaksFirst: 'agent', keeper, ...only, log: say });
  const brokers = await openBrokerDoors({ ...asked, folder: join(asked.home, 'leaf') });
  const close = async (): Promise<void> => {
    // First, for its connections came by the relay's door.
    await keeper.close();
    await relay.close();
    await brokers.close();
  };
  return { reached: () => void keeper.now(), close };
}
