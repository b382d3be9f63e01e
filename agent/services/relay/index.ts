import type { Address } from '../../store/server.ts';
import { openRelay } from './door.ts';

interface RelayAsked {
  /** What the certificate grants. */
  readonly roles: readonly string[];
  /** `--relay HOST:PORT` */
  readonly at: readonly Address[];
  /** HOST:PORT or unix:PATH */
  readonly manager: string;
  readonly log: { info(fields: object, line: string): void; warn(fields: object, line: string): void };
}

/** The relay of an agent whose certificate gives it that role and that was told where to listen; of others, nothing. */
export async function relayOf({ roles, at, manager, log }: RelayAsked): Promise<{ close(): Promise<void> }> {
  const nothing = { close: async (): Promise<void> => undefined };
  if (!roles.includes('relay')) {
    if (at.length > 0) log.warn({}, '--relay is left out: the certificate does not grant the role relay');
    return nothing;
  }
  if (at.length === 0) {
    log.warn({}, 'the role relay carries nothing as long as --relay HOST:PORT does not say where agents may connect');
    return nothing;
  }
  return openRelay({ at, manager, log: (line) => log.info({}, line) });
}
