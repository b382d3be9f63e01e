import { parseManagerAddress } from '../../identity/address.ts';
import { nicsOf } from '../../facts/nics.ts';
import type { Address } from '../../store/server.ts';

export interface RelayPlace {
  readonly at: readonly Address[];
  /** Whether who came to that address of this machine is let in. */
  readonly mayEnter: (address: string) => boolean;
}

/**
 * Where a service node that booted carries links, since nobody starts its agent with `--relay`: on the manager's own port,
 * for who comes to an address that the registry gave it. These are its own, on the card with that MAC (DHCP brought it from
 * the registry), and those at which the nodes that it boots find it. A card that gets its address later, by a
 * postscript, is there from then on; whoever comes to any other address of this machine finds it shut. Undefined for a manager
 * that is on this machine: there is nothing to carry.
 */
export function relayPlace(
  manager: string,
  mac: string,
  served: () => readonly string[],
  cards: () => ReturnType<typeof nicsOf> = () => nicsOf('/'),
): RelayPlace | undefined {
  const address = parseManagerAddress(manager);
  if (!('port' in address)) return undefined;
  const own = (): string[] =>
    cards()
      .filter((card) => card.mac === mac)
      .flatMap((card) => card.addresses.map((one) => one.replace(/\/.*/, '')));
  return {
    at: [{ host: '0.0.0.0', port: address.port }],
    mayEnter: (to) => served().includes(to) || own().includes(to),
  };
}
