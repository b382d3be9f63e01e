import { join } from 'node:path';
import type { BrokerLogin } from '../../shared/broker/connection.ts';
import { fullAddress, leafPort, toldAddress } from '../../shared/broker/address.ts';
import { renderTrust } from '../../shared/broker/config.ts';
import { Broker } from '../../shared/broker/server.ts';
import type { ManagerOptions } from '../arguments.ts';
import type { EnrolmentBroker } from '../fleet/authority/broker-access.ts';
import { NatsAuthority } from '../fleet/authority/nats-authority.ts';
import type { FleetRoom } from '../fleet/fleet.ts';
import { type NatsLink, openNatsLink } from '../fleet/links/nats.ts';
import { type RelayLinks, openRelayLinks } from '../fleet/links/nats-relays.ts';
import type { FleetLog } from '../fleet/log.ts';

/** What reports that wait for the manager may take of the disk, in bytes. */
const mostBytes = 1024 * 1024 * 1024;

/** The link over NATS with all that belongs to it. */
export interface ManagedBroker extends EnrolmentBroker {
  /** Starts the broker, where it is ours, and opens the link. Throws `failed_precondition` with what is missing. */
  open(fleet: FleetRoom): Promise<void>;
  /** After the fleet said goodbye. */
  close(): Promise<void>;
}

export async function prepareBroker(
  nats: NonNullable<ManagerOptions['nats']>,
  { home, listen }: Pick<ManagerOptions, 'home' | 'listen'>,
  log: FleetLog,
): Promise<ManagedBroker> {
  const authority = await NatsAuthority.open(join(home, 'authority'));
  const told = 'servers' in nats ? nats.servers : [toldAddress(nats.embedded, listen?.host)];
  let broker: Broker | undefined;
  let link: NatsLink | undefined;
  let relays: RelayLinks | undefined;
  return {
    authority,
    servers: () => told,
    async open(fleet) {
      if ('embedded' in nats) {
        broker = await Broker.start({
          folder: join(home, 'nats'),
          listen: nats.embedded,
          leafListen: { host: nats.embedded.host, port: leafPort(nats.embedded.port) },
          grows: true,
          trust: await authority.trust(),
          says: authority.says,
          mostBytes,
          identity: () => fleet.authority.issueBroker(),
          log,
        });
      }
      const servers = 'servers' in nats ? nats.servers : [ownAddress(nats.embedded)];
      const identity = (): ReturnType<typeof fleet.authority.issueManager> => fleet.authority.issueManager();
      const login = async (): Promise<BrokerLogin> => authority.account.managerLogin(servers, await identity());
      link = openNatsLink({ fleet, login, log });
      relays = openRelayLinks({ fleet, authority, servers, identity, log });
    },
    async close() {
      await relays?.close();
      await link?.close();
      await broker?.stop();
    },
  };
}

/** For the configuration of a broker that is not ours: whom it has to trust. */
export async function brokerTrustText(home: string): Promise<string> {
  const authority = await NatsAuthority.open(join(home, 'authority'));
  return `${renderTrust(await authority.trust()).join('\n')}\n`;
}

function ownAddress({ host, port }: { readonly host: string; readonly port: number }): string {
  const anywhere: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };
  return fullAddress({ host: anywhere[host] ?? host, port });
}
