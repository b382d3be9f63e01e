import { randomBytes, sign } from 'node:crypto';
import type { Msg, NatsConnection, NatsError } from 'nats';
import { type BrokerLogin, connectBroker, leaveBroker } from '../../shared/broker/connection.ts';
import { HostlerError } from '../../shared/errors/error.ts';
import {
  type SubjectOwner,
  cameLength,
  downSubject,
  keptSubject,
  managerThere,
  toAll,
  upSubject,
} from '../../shared/identity/subjects.ts';
import { Framed } from '../../shared/session/framed.ts';
import { Changes } from '../../shared/session/signals.ts';
import { frameCodec, fromAgentCodec, keptReportsCodec, toAgentCodec } from '../../shared/wire/definitions.ts';
import type { FromAgent } from '../../shared/wire/generated/hostler/v1/FromAgent.ts';
import type { ToAgent__Output } from '../../shared/wire/generated/hostler/v1/ToAgent.ts';
import type { Identity } from '../identity/identity-files.ts';
import type { Carrier } from './link.ts';

export interface NatsCarrierOptions {
  /** HOST:PORT each. */
  readonly servers: () => readonly string[];
  /** With what the broker wants to see. */
  readonly identity: () => NatsIdentified;
}

type NatsIdentified = Pick<Identity, 'name' | 'serial' | 'key' | 'certificate' | 'authority' | 'nats'>;

interface Held {
  readonly broker: NatsConnection;
  /** Of the certificate that it was opened with: a newer one needs a new connection. */
  readonly serial: string;
  readonly open: Set<Framed<ToAgent__Output, FromAgent>>;
}

/** How this agent shows itself to a broker; throws `failed_precondition` when the manager gave it nothing to show. */
export function agentLogin(servers: readonly string[], identity: NatsIdentified): BrokerLogin {
  const { name, nats } = identity;
  if (nats === undefined) {
    throw new HostlerError(
      'failed_precondition',
      'The manager gave this agent no credential for a broker. Start the manager with --nats, or use the link over gRPC.',
    );
  }
  return {
    servers,
    jwt: nats.jwt,
    sign: (nonce) => sign(null, nonce, nats.key),
    tls: identity,
    name,
    ...(nats.via !== undefined && { relay: nats.via }),
  };
}

/**
 * The link over NATS. The connection to the broker outlives those to the manager that it carries: a manager that comes
 * back does not cost every agent a TLS handshake.
 */
export function natsCarrier(options: NatsCarrierOptions): Carrier {
  let held: Held | undefined;
  const called = new Changes();

  async function hold(signal: AbortSignal): Promise<Held> {
    const identity = options.identity();
    if (held !== undefined && !held.broker.isClosed() && held.serial === identity.serial) return held;
    void held?.broker.close();
    held = undefined;
    const broker = await connectBroker(agentLogin(options.servers(), identity));
    const fresh: Held = { broker, serial: identity.serial, open: new Set() };
    const stop = (): void => {
      if (held === fresh) held = undefined;
      void leaveBroker(broker);
    };
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    void broker.closed().then((why) => {
      signal.removeEventListener('abort', stop);
      const reason = why instanceof Error ? `: ${why.message}` : '';
      const error = new HostlerError('unavailable', `The connection to the broker was lost${reason}.`);
      for (const framed of fresh.open) framed.break(error);
    });
    broker.subscribe(toAll, {
      callback: (_error, { data, subject }) => {
        if (data.length !== cameLength) return;
        called.notify();
        if (subject === managerThere) return;
        const error = new HostlerError('unavailable', 'The manager came back and knows no connections of before.');
        // Said to the manager, too: a hello may have crossed with its return.
        for (const framed of fresh.open) framed.close(error);
      },
    });
    held = fresh;
    return fresh;
  }

  const connect = async (signal: AbortSignal): Promise<Framed<ToAgent__Output, FromAgent>> => {
    const { broker, serial, open } = await hold(signal);
    const owner = { name: options.identity().name, serial };
    const connection = randomBytes(9).toString('base64url');
    const up = upSubject(owner, connection);
    const down = downSubject(owner, connection);
    const { server_id: server = '', client_id: client = '' } = broker.info ?? {};
    const framed = new Framed<ToAgent__Output, FromAgent>({
      out: fromAgentCodec,
      into: toAgentCodec,
      via: `${server}/${client}`,
      put: (bytes) => {
        if (broker.isClosed()) throw new HostlerError('unavailable', 'The connection to the broker was lost.');
        // Where nobody listens, the broker answers for the manager.
        broker.publish(up, bytes, { reply: down });
      },
      closed: () => {
        open.delete(framed);
        if (!broker.isClosed()) subscription.unsubscribe();
      },
    });
    const subscription = broker.subscribe(down, { callback: (error, message) => arrived(framed, error, message) });
    open.add(framed);
    return framed;
  };

  const canKeep = (): boolean => held?.broker.isClosed() === false;
  const keep: Carrier['keep'] = async (incarnation, messages) => {
    if (held === undefined) throw new HostlerError('unavailable', 'There is no connection to a broker.');
    const owner = { name: options.identity().name, serial: held.serial };
    await layDown(held.broker, owner, keptReportsCodec.encode({ incarnation, messages: [...messages] }));
  };
  return Object.assign(connect, { keep, canKeep, called });
}

/** How long the broker may take to say that it keeps something, in milliseconds. */
const keepTimeout = 10_000;

/** Resolves when the broker has it on its disk. Throws `resource_exhausted` when there is no room. */
async function layDown(broker: NatsConnection, owner: SubjectOwner, bytes: Buffer): Promise<void> {
  const most = broker.info?.max_payload ?? 0;
  if (bytes.length > most) {
    const sentence = `A report of ${bytes.length} bytes is too long for the broker to keep (${most} at most).`;
    throw new HostlerError('resource_exhausted', sentence);
  }
  // A subject of its own: the usual inboxes are not this agent's to listen on.
  const reply = downSubject(owner, `kept-${randomBytes(9).toString('base64url')}`);
  const answer = new Promise<Msg>((resolve, reject) => {
    broker.subscribe(reply, {
      max: 1,
      timeout: keepTimeout,
      callback: (error, message) => {
        if (error === null) resolve(message);
        else reject(new HostlerError('unavailable', `The broker does not say that it keeps reports: ${error.message}`));
      },
    });
  });
  broker.publish(keptSubject(owner), bytes, { reply });
  // The client forgets who waits for an answer when its connection ends: nobody would be told, and the link would stand still.
  const lost = broker.closed().then((): never => {
    throw new HostlerError(
      'unavailable',
      'The connection to the broker was lost before it said that it keeps reports.',
    );
  });
  const { headers, data } = await Promise.race([answer, lost]);
  if (headers?.code === 503) throw new HostlerError('unavailable', 'The broker keeps no reports.');
  interface Answer {
    readonly error?: { readonly description?: string };
  }
  const { error } = JSON.parse(Buffer.from(data).toString()) as Answer;
  if (error === undefined) return;
  const why = error.description ?? 'for no reason that it told';
  throw new HostlerError('resource_exhausted', `The broker does not keep reports any more: ${why}.`);
}

function arrived(framed: Framed<ToAgent__Output, FromAgent>, error: NatsError | null, message: Msg): void {
  if (error !== null) {
    const { message: why } = error;
    framed.break(new HostlerError('permission_denied', `The broker does not let this agent listen: ${why}`));
    return;
  }
  if (message.data.length === 0 && message.headers?.code === 503) {
    framed.break(new HostlerError('unavailable', 'The broker answers, but the manager is away from it.'));
    return;
  }
  const { buffer, byteOffset, byteLength } = message.data;
  try {
    framed.receive(frameCodec.decode(Buffer.from(buffer, byteOffset, byteLength)));
  } catch {
    framed.receiveGarbage();
  }
}
