import type { Duplex as NodeDuplex } from 'node:stream';
import type { PeerCertificate } from 'node:tls';
import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerWritableStream,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { HostlerError } from '../../../shared/errors/error.ts';
import { peerIdentity } from '../../../shared/identity/certificate.ts';
import type { AgentIdentity } from '../../../shared/identity/names.ts';
import { longestMessage } from '../../../shared/session/limits.ts';
import { oversized, undecodable } from '../../../shared/session/undecodable.ts';
import { streamDuplex } from '../../../shared/session/stream-duplex.ts';
import { apiService, enrolmentService, keeperService, linkService } from '../../../shared/wire/definitions.ts';
import type { EnrolmentHandlers } from '../../../shared/wire/generated/hostler/v1/Enrolment.ts';
import type { EnrolmentReply } from '../../../shared/wire/generated/hostler/v1/EnrolmentReply.ts';
import type { FromAgent__Output } from '../../../shared/wire/generated/hostler/v1/FromAgent.ts';
import type { KeeperHandlers } from '../../../shared/wire/generated/hostler/v1/Keeper.ts';
import type { LinkHandlers } from '../../../shared/wire/generated/hostler/v1/Link.ts';
import type { ToAgent } from '../../../shared/wire/generated/hostler/v1/ToAgent.ts';
import { failStream } from '../../../shared/wire/call.ts';
import { toStatus } from '../../../shared/wire/status.ts';
import { printable } from '../authority/boot-authority.ts';
import type { FleetRoom } from '../fleet.ts';
import type { FleetLog } from '../log.ts';
import { type KeptCounts, KeptPieces } from './kept-pieces.ts';

/** Room for the numbers around a message of the longest kind. */
const envelope = 1024;

/** What is somewhat too long still gets an answer that says so; what is longer than this gRPC cuts off without a word. */
const answered = 3 * longestMessage;

const serverOptions = {
  'grpc.max_receive_message_length': answered,
  'grpc.max_send_message_length': longestMessage + envelope,
  'grpc.max_concurrent_streams': 16,
  // Its book-keeping costs memory for every connection, and nobody reads it.
  'grpc.enable_channelz': 0,
  'grpc.keepalive_time_ms': 120_000,
  'grpc.keepalive_timeout_ms': 20_000,
  // Whoever enrolled, or was refused, and stays connected without a call.
  'grpc.max_connection_idle_ms': 60_000,
} as const;

/** What cannot be decoded, or is too long, reaches the session as such: it says so to the agent and in the log. gRPC itself would just hang up. */
const tolerantLinkService: typeof linkService = {
  ...linkService,
  Connect: {
    ...linkService.Connect,
    requestDeserialize(bytes) {
      if (bytes.length > longestMessage + envelope) return oversized;
      try {
        return linkService.Connect.requestDeserialize(bytes);
      } catch {
        return undecodable;
      }
    },
  },
};

export interface GrpcLink {
  /** Takes a connection after its TLS handshake (manager/fleet/listener.ts). */
  accept(socket: NodeDuplex): void;
  /** What relays handed over. */
  readonly kept: Readonly<KeptCounts>;
  close(): void;
}

type LinkedFleet = Pick<FleetRoom, 'serve' | 'enrolment' | 'kept' | 'authority'>;

/** Link, enrolment and what relays kept over gRPC, for connections that the listener brings. */
export function openGrpcLink(fleet: LinkedFleet, log: FleetLog): GrpcLink {
  const kept = new KeptPieces({ fleet, log });
  const server = new Server(serverOptions);
  server.addService(tolerantLinkService, linkHandlers(fleet, log));
  server.addService(enrolmentService, enrolmentHandlers(fleet, log));
  server.addService(keeperService, keeperHandlers(kept));
  server.addService(apiService, noApi());
  // TLS is the listener's; by its socket gRPC still knows who is there.
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  return {
    accept: (socket) => injector.injectConnection(socket),
    kept: kept.counts,
    close: () => {
      injector.destroy();
      server.forceShutdown();
    },
  };
}

function linkHandlers(fleet: Pick<FleetRoom, 'serve'>, log: FleetLog): LinkHandlers {
  let strangers = 0;
  return {
    Connect(call: ServerDuplexStream<FromAgent__Output, ToAgent>) {
      const peer = peerOf(call);
      if (peer === undefined) {
        log.warn({ peer: call.getPeer(), refused: ++strangers }, 'a link without a valid certificate was refused');
        refuse(call);
        return;
      }
      let ended = false;
      const finish = (reason?: HostlerError): void => {
        if (ended) return;
        ended = true;
        if (reason === undefined) call.end();
        else call.emit('error', toStatus(reason));
      };
      void fleet.serve(streamDuplex<FromAgent__Output, ToAgent>(call, finish, `Agent ${peer.name}`), peer, 'grpc');
    },
  };
}

function refuse(call: ServerDuplexStream<FromAgent__Output, ToAgent>): void {
  call.on('error', () => undefined);
  const message =
    "The link needs a certificate of this manager's authority that is not expired. Join again with a new token.";
  call.write({ refusal: { code: 'unauthenticated', message, retryAfter: 0 } });
  call.resume();
  call.end();
}

function enrolmentHandlers(fleet: Pick<FleetRoom, 'enrolment'>, log: FleetLog): EnrolmentHandlers {
  const { enrolment } = fleet;
  type Callback = (error: ReturnType<typeof toStatus> | null, reply?: EnrolmentReply) => void;
  const answer = (
    what: string,
    who: string,
    call: { getPeer(): string },
    ask: () => Promise<EnrolmentReply>,
    callback: Callback,
  ): void => {
    // Inside a promise, so that what is thrown at once is answered like the rest.
    Promise.resolve()
      .then(ask)
      .then(
        (reply) => callback(null, reply),
        (thrown: unknown) => {
          const error = HostlerError.from(thrown);
          const level = error.code === 'internal' ? 'error' : 'warn';
          log[level](
            { peer: call.getPeer(), who: printable(who), code: error.code, err: error.cause },
            `${what} refused: ${error.message}`,
          );
          callback(toStatus(error));
        },
      );
  };
  return {
    Join: (call, callback) => answer('join', call.request.name, call, () => enrolment.join(call.request), callback),
    Boot: (call, callback) => answer('boot enrolment', '', call, () => enrolment.boot(call.request), callback),
    Renew(call, callback) {
      const peer = peerOf(call);
      const ask = (): Promise<EnrolmentReply> => {
        if (peer === undefined)
          throw new HostlerError('unauthenticated', 'Renewal needs a valid certificate. Join again with a new token.');
        return enrolment.renew(peer, call.request);
      };
      answer('renewal', peer?.name ?? '', call, ask, callback);
    },
  };
}

function keeperHandlers(kept: KeptPieces): KeeperHandlers {
  return {
    Hand(call, callback) {
      const peer = peerOf(call);
      const handed =
        peer === undefined
          ? Promise.reject(new HostlerError('unauthenticated', 'A relay hands reports over with its certificate.'))
          : kept.hand(peer, call.request);
      handed.then(
        (reply) => callback(null, reply),
        (thrown: unknown) => callback(toStatus(thrown)),
      );
    },
  };
}

/** The agent that the connection's certificate names; undefined without one that our authority signed and that is in time. */
function peerOf(call: { getAuthContext(): { sslPeerCertificate?: PeerCertificate } }): AgentIdentity | undefined {
  const certificate = call.getAuthContext().sslPeerCertificate;
  return certificate === undefined ? undefined : peerIdentity(certificate);
}

/** What the manager's socket serves to people is not served here: no certificate stands for a person yet. */
function noApi(): UntypedServiceImplementation {
  const error = new HostlerError(
    'unimplemented',
    "Commands are served on the manager's own socket only: log in on the manager's machine, or set HOSTLER_HOME there.",
  );
  const one = (_call: unknown, callback: (status: ReturnType<typeof toStatus>) => void): void =>
    callback(toStatus(error));
  const many = (call: ServerWritableStream<unknown, unknown>): void => failStream(call, error);
  return Object.fromEntries(
    Object.entries(apiService).map(([name, { responseStream }]) => [name, responseStream ? many : one]),
  );
}
