import { HostlerError } from '../errors/error.ts';

const defaultPort = 4222;

/**
 * `nats://HOST:PORT`, `tls://HOST:PORT` or `HOST:PORT`, several with commas, as HOST:PORT each (IPv6 in brackets). The
 * link is over TLS whatever the word says. Throws `invalid_argument`.
 */
export function parseBrokers(text: string): string[] {
  return text.split(',').map((one) => {
    const match = /^(?:(?:nats|tls):\/\/)?(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?\/?$/.exec(one.trim());
    const port = Number(match?.[2] ?? defaultPort);
    if (match?.[1] === undefined || port < 1 || port > 65_535) {
      throw new HostlerError('invalid_argument', `'${one}' is no address of a broker: give nats://HOST:PORT.`);
    }
    return `${match[1]}:${port}`;
  });
}

/** What an agent makes of `:PORT`: the broker is where the manager is. `manager`: HOST:PORT, or a socket on this machine. */
export function atManager(servers: readonly string[], manager: string): string[] {
  const host = manager.startsWith('unix:') ? '127.0.0.1' : manager.replace(/:\d+$/, '');
  return servers.map((server) => (server.startsWith(':') ? `${host}${server}` : server));
}

/** How far from a broker's own port the one is where leaf nodes connect: 4222 and 7422 are what nats-server itself takes. */
const toLeafs = 3200;

/** Where the leaf nodes of a broker connect that listens there. */
export function leafPort(port: number): number {
  // Ports end somewhere.
  return port + toLeafs > 65_535 ? port - toLeafs : port + toLeafs;
}

/** HOST:PORT each, for leaf nodes. */
export function leafAddresses(brokers: readonly string[]): string[] {
  return brokers.map((broker) => broker.replace(/\d+$/, (port) => String(leafPort(Number(port)))));
}

interface Address {
  readonly host: string;
  readonly port: number;
}

export function fullAddress({ host, port }: Address): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/**
 * What agents are told of a broker that listens there: where it shares the manager's address (`managerHost`), or listens
 * everywhere, they find it wherever they find the manager, behind a relay too.
 */
export function toldAddress(broker: Address, managerHost: string | undefined): string {
  const { host, port } = broker;
  return host === '0.0.0.0' || host === '::' || host === managerHost ? `:${port}` : fullAddress(broker);
}
