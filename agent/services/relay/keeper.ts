import { X509Certificate } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Socket } from 'node:net';
import { type SecureContext, TLSSocket, createSecureContext } from 'node:tls';
import { HostlerError } from '../../../shared/errors/error.ts';
import { peerIdentity } from '../../../shared/identity/certificate.ts';
import { isSignedKept, keptPath } from '../../../shared/identity/kept-piece.ts';
import { type TlsIdentity, serverTlsOptionsFor } from '../../../shared/identity/tls.ts';
import { longestMessage } from '../../../shared/session/limits.ts';
import { keptPieceCodec, keptReportsCodec } from '../../../shared/wire/definitions.ts';
import type { KeptPiece__Output } from '../../../shared/wire/generated/hostler/v1/KeptPiece.ts';
import { sendText } from '../../store/send-file.ts';
import { HandOver, type HandOverDeps } from './hand-over.ts';
import { type PieceOf, Shelf } from './shelf.ts';

/** Room for what stands around the longest message, in bytes. */
const envelope = 4096;

/** Agents that lay reports down at a time; others come again. */
const mostConnections = 1024;

/** Connections of one certificate at a time: an agent has one, and its last one may not have ended yet. */
const mostOfOne = 4;

export interface KeeperDeps extends Omit<HandOverDeps, 'shelf'> {
  /** Everything that is kept lies here; 0700. */
  readonly folder: string;
  /** What may wait, in bytes; absent: 1 GiB. */
  readonly mostBytes?: number;
}

/** The relay's outbox: takes reports of agents behind it while the manager is away, and hands them over when it is back. */
export interface Keeper {
  /** Takes a connection before its TLS handshake, with whatever came of it put back. */
  enter(socket: Socket): void;
  /** Hands over what is kept, now; resolves when that was tried, soon in any case. */
  now(): Promise<void>;
  close(): Promise<void>;
}

/** Who it keeps something for is known by TLS, and what is kept is signed by its agent: nothing here needs to be trusted. */
export async function openKeeper(deps: KeeperDeps): Promise<Keeper> {
  const { log, identity } = deps;
  const shelf = await Shelf.open(deps.folder, deps.mostBytes);
  const handOver = new HandOver({ ...deps, shelf });
  const context = contexts();
  const server = createServer(
    {
      ...serverTlsOptionsFor(identity()),
      requestCert: true,
      rejectUnauthorized: true,
      // Asked for each connection, so that a renewed certificate counts at once.
      SNICallback: (_name, done) => done(null, context(identity())),
      handshakeTimeout: 10_000,
      keepAliveTimeout: 5_000,
    },
    (request, response) => {
      answer(shelf, request, response).catch((thrown: unknown) => {
        const error = HostlerError.from(thrown);
        log.warn({ err: error }, `the relay did not keep reports: ${error.message}`);
        if (response.headersSent) {
          response.destroy();
          return;
        }
        response.setHeader('Connection', 'close');
        sendText(response, statusOf(error), error.message);
      });
    },
  );
  server.maxHeadersCount = 32;
  // Its limits for slow requests work only where it listens itself.
  server.setTimeout(20_000);
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  server.on('secureConnection', oldestGoes());
  const open = new Set<Socket>();
  let isClosed = false;
  return {
    enter(socket) {
      if (isClosed || open.size >= mostConnections) {
        socket.destroy();
        return;
      }
      open.add(socket.once('close', () => open.delete(socket)));
      server.emit('connection', socket);
    },
    now: () => handOver.now(),
    async close() {
      isClosed = true;
      for (const socket of open) socket.destroy();
      await handOver.stop();
    },
  };
}

/** Nobody can hold all places with one certificate: who comes too often ends his own oldest connection. */
function oldestGoes(): (socket: TLSSocket) => void {
  const open = new Map<string, TLSSocket[]>();
  return (socket) => {
    const { serialNumber } = socket.getPeerCertificate();
    const mine = [...(open.get(serialNumber) ?? []), socket];
    open.set(serialNumber, mine);
    socket.once('close', () => {
      const left = (open.get(serialNumber) ?? []).filter((other) => other !== socket);
      if (left.length > 0) open.set(serialNumber, left);
      else open.delete(serialNumber);
    });
    if (mine.length > mostOfOne) mine[0]?.destroy();
  };
}

/** One for each certificate: making it takes as long as a handshake. */
function contexts(): (identity: TlsIdentity) => SecureContext {
  let last: { readonly certificate: string; readonly context: SecureContext } | undefined;
  return (identity) => {
    const { certificate } = identity;
    if (last?.certificate !== certificate) {
      last = { certificate, context: createSecureContext(serverTlsOptionsFor(identity)) };
    }
    return last.context;
  };
}

async function answer(shelf: Shelf, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const raw = request.socket instanceof TLSSocket ? request.socket.getPeerCertificate().raw : undefined;
  if (raw === undefined) throw new HostlerError('unauthenticated', 'The relay keeps reports of agents alone.');
  if (request.url !== keptPath || (request.method !== 'POST' && request.method !== 'GET')) {
    throw new HostlerError('invalid_argument', `The relay takes POST ${keptPath} and nothing else here.`);
  }
  if (request.method === 'POST') {
    const piece = readPiece(await bodyOf(request));
    await shelf.put(checked(raw, piece), keptPieceCodec.encode({ ...piece, certificate: raw }));
  }
  response.writeHead(204).end();
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    length += piece.length;
    if (length > longestMessage + envelope) {
      throw new HostlerError('invalid_argument', `A piece of more than ${longestMessage} bytes is not kept.`);
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

function readPiece(body: Buffer): KeptPiece__Output {
  try {
    return keptPieceCodec.decode(body);
  } catch (cause) {
    throw new HostlerError('invalid_argument', 'What came is no piece of reports.', { cause });
  }
}

/** What is in the piece; throws when the agent did not sign it or it cannot be read: better told now than by the manager. */
function checked(raw: Buffer, { reports, signature }: KeptPiece__Output): PieceOf {
  const certificate = new X509Certificate(raw);
  const agent = peerIdentity(certificate);
  if (agent === undefined || !isSignedKept(certificate.publicKey, agent.serial, reports, signature)) {
    throw new HostlerError('unauthenticated', 'The reports are not signed by the agent that brings them.');
  }
  let read: ReturnType<typeof keptReportsCodec.decode> | undefined;
  try {
    read = keptReportsCodec.decode(reports);
  } catch {
    // Said below.
  }
  const { incarnation = '', messages = [] } = read ?? {};
  const [first, last] = [messages[0]?.sequence ?? 0, messages.at(-1)?.sequence ?? 0];
  if (!/^[A-Za-z0-9-]{1,64}$/.test(incarnation) || !(first > 0) || last - first + 1 !== messages.length) {
    throw new HostlerError('invalid_argument', 'The reports name no life of an agent, or are not numbered in a row.');
  }
  return { agent: agent.name, incarnation, first, last };
}

function statusOf({ code }: HostlerError): number {
  if (code === 'resource_exhausted') return 507;
  if (code === 'unauthenticated') return 403;
  return code === 'invalid_argument' ? 400 : 500;
}
