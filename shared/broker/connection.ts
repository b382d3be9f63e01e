import { type ConnectionOptions, type NatsConnection, type ServerInfo, connect } from 'nats';
import { HostlerError } from '../errors/error.ts';
import { peerIdentity } from '../identity/certificate.ts';
import { managerName } from '../identity/names.ts';
import { type TlsIdentity, tlsOptionsFor } from '../identity/tls.ts';
import { pause } from '../session/signals.ts';

/** How a client of the broker shows who it is. */
export interface BrokerLogin {
  /** HOST:PORT each; tried in any order. */
  readonly servers: readonly string[];
  /** User JWT, and a signature by the key that it names. */
  readonly jwt: string;
  readonly sign: (nonce: Uint8Array) => Uint8Array;
  /** The certificate that is shown; the broker's own must be the manager authority's, for the manager's name. */
  readonly tls: TlsIdentity;
  /** Instead of the broker a leaf node is meant, which shows the certificate of this relay. */
  readonly relay?: string;
  /** For the broker's log. */
  readonly name: string;
}

/** The oldest broker that has what we need: its scoped credentials came with 2.9. */
const oldest = [2, 9, 0] as const;

/** A broker that does not take pieces of this size is of no use, in bytes. */
const smallestPayload = 512 * 1024;

const patience = 10_000;
/** For what is still to go out, in milliseconds. */
const farewell = 1_000;
/** Between pings; the session's heartbeats come more often, as a rule. */
const pingEvery = 60_000;

/**
 * One connection, without any reconnecting: whoever holds it knows when to try again. Throws `unavailable` when nobody
 * answers, `unauthenticated` when the broker does not know us, `failed_precondition` for a broker that lacks something.
 */
export async function connectBroker(login: BrokerLogin): Promise<NatsConnection> {
  const { servers, jwt, sign, name } = login;
  const where = servers.join(', ');
  // The client passes all of it on to node:tls; its own type names only a part.
  const tls = login.relay === undefined ? tlsOptionsFor(login.tls, managerName) : relayTls(login.tls, login.relay);
  const options: ConnectionOptions = {
    servers: [...servers],
    name,
    tls: { ...tls, key: tls.key, cert: tls.cert, ca: tls.ca },
    authenticator: (nonce = '') => ({
      jwt,
      nkey: '',
      sig: Buffer.from(sign(Buffer.from(nonce))).toString('base64url'),
    }),
    reconnect: false,
    // Addresses that the broker tells of are not among those that we were given.
    ignoreClusterUpdates: true,
    timeout: patience,
    pingInterval: pingEvery,
    noAsyncTraces: true,
  };
  let connection: NatsConnection;
  try {
    connection = await connect(options);
  } catch (thrown) {
    throw connectionError(thrown, where);
  }
  const lacks = whatLacks(connection.info);
  if (lacks === undefined) return connection;
  await connection.close();
  throw new HostlerError('failed_precondition', `The broker at ${where} cannot carry links: ${lacks}`);
}

/** A leaf node's certificate must be that relay's, and grant it the role. */
function relayTls(identity: TlsIdentity, relay: string): ReturnType<typeof tlsOptionsFor> {
  const options = tlsOptionsFor(identity, relay);
  return {
    ...options,
    checkServerIdentity: (address, certificate) => {
      const wrong = options.checkServerIdentity(address, certificate);
      if (wrong !== undefined || peerIdentity(certificate)?.roles.includes('relay') === true) return wrong;
      return new HostlerError('unauthenticated', `'${relay}' answers, which has not the role relay; nothing was sent.`);
    },
  };
}

/** Closes a connection after what was said on it went out; bounded, for the client's own `drain` waits for ever on a dead one. */
export async function leaveBroker(broker: NatsConnection): Promise<void> {
  // Whoever else was told to stop in this turn says goodbye first.
  await new Promise((resolve) => setImmediate(resolve));
  if (broker.isClosed()) return;
  const enough = new AbortController();
  const flushed = broker.flush().catch(() => undefined);
  await Promise.race([flushed, broker.closed(), pause(farewell, enough.signal)]);
  enough.abort();
  await broker.close();
}

/** What a broker says of itself that is not enough, and what to do; undefined when all is well. */
export function whatLacks(info: Partial<ServerInfo> | undefined): string | undefined {
  const version = info?.version ?? 'unknown';
  if (!isRecent(version)) {
    return `it is nats-server ${version}, and ${oldest.join('.')} is the oldest that will do. Upgrade it.`;
  }
  if (info?.headers !== true) return 'it has no headers (no_header_support). Switch them on.';
  if ((info.max_payload ?? 0) < smallestPayload) {
    return `its max_payload is ${info.max_payload ?? 0} bytes. Set at least ${smallestPayload}.`;
  }
  return undefined;
}

function isRecent(version: string): boolean {
  const numbers = /^v?(\d+)\.(\d+)\.(\d+)/.exec(version)?.slice(1).map(Number);
  if (numbers === undefined) return false;
  for (const [index, least] of oldest.entries()) {
    const number = numbers[index] ?? 0;
    if (number !== least) return number > least;
  }
  return true;
}

/** The client's codes are words of its own. */
export function connectionError(thrown: unknown, where: string): HostlerError {
  if (thrown instanceof HostlerError) return thrown;
  const code = typeof thrown === 'object' && thrown !== null && 'code' in thrown ? String(thrown.code) : '';
  const why = thrown instanceof Error ? thrown.message : String(thrown);
  if (code === 'AUTHORIZATION_VIOLATION' || code === 'AUTHENTICATION_EXPIRED') {
    return new HostlerError(
      'unauthenticated',
      `The broker at ${where} does not accept this credential: it has expired, or the broker trusts another manager.`,
      { cause: thrown },
    );
  }
  // An old certificate, or none, is noticed by the client only as silence.
  const silent = code === 'TIMEOUT' ? ' (or it does not accept our certificate)' : '';
  return new HostlerError('unavailable', `Cannot reach the broker at ${where}: ${why || code}${silent}`, {
    cause: thrown,
  });
}
