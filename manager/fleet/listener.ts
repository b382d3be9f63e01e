import { chmodSync, rmSync } from 'node:fs';
import { type Server, type Socket, createServer } from 'node:net';
import { type Server as TlsServer, type TLSSocket, createServer as createTlsServer } from 'node:tls';
import { HostlerError } from '../../shared/errors/error.ts';
import { commonName } from '../../shared/identity/certificate.ts';
import { type TlsIdentity, serverTlsOptionsFor } from '../../shared/identity/tls.ts';
import { printable } from './authority/boot-authority.ts';
import type { FleetLog } from './log.ts';

/** The first byte of a TLS connection: a handshake record. */
const handshakeRecord = 0x16;

/** How long the first byte, and then the handshake, may take, in milliseconds. */
const patience = 20_000;

/** Connections at a time, and how many of them may be before the end of their handshake. */
const mostConnections = 25_000;
const mostKnocking = 10_000;

/**
 * Handshakes at a time: when a whole fleet comes at once, some that finish soon are better than all of them side by side, none
 * of which is done before its agent gives up. The others wait in line, as long as an agent waits.
 */
const mostHandshakes = 1_024;
const longestWait = 12_000;

/** What Linux takes as the path of a socket, in bytes. */
const longestSocketPath = 107;

export interface ListenerDeps {
  /** The manager's server identity, asked for at start and again before it expires. */
  readonly identity: () => Promise<TlsIdentity & { readonly expiresAt: number }>;
  /** A connection after its handshake: HTTP/2 agreed; `authorized` says whether its certificate is one of ours. */
  readonly onTls: (socket: TLSSocket) => void;
  /** A connection without TLS, which only the Unix socket takes. */
  readonly onPlain: (socket: Socket) => void;
  readonly log: FleetLog;
}

export interface ListenAt {
  readonly socketPath?: string;
  readonly tcp?: { readonly host: string; readonly port: number };
}

export interface Listening {
  /** The TCP port that was bound; undefined without TCP. */
  readonly port: number | undefined;
  /** No new connections; those that are open are ended. */
  close(): Promise<void>;
}

/** One door for everything: TLS where the first byte says so, plain text on the Unix socket alone. */
export async function openListener(at: ListenAt, deps: ListenerDeps): Promise<Listening> {
  const door = new Door(deps, await deps.identity());
  const servers: Server[] = [];
  try {
    if (at.socketPath !== undefined)
      servers.push(await listenOnPath(at.socketPath, (socket) => door.enter(socket, true)));
    let port: number | undefined;
    if (at.tcp !== undefined) {
      const server = await listen((socket) => door.enter(socket, false), at.tcp, `${at.tcp.host}:${at.tcp.port}`);
      servers.push(server);
      const address = server.address();
      port = typeof address === 'object' ? address?.port : undefined;
    }
    return { port, close: () => door.close(servers) };
  } catch (thrown) {
    await door.close(servers);
    throw thrown;
  }
}

async function listenOnPath(path: string, enter: (socket: Socket) => void): Promise<Server> {
  if (Buffer.byteLength(path) > longestSocketPath) {
    throw new HostlerError(
      'invalid_argument',
      `The socket's path ${path} is longer than ${longestSocketPath} bytes, which the system does not take. Choose a shorter --home.`,
    );
  }
  // Whoever starts a manager holds the lock of its home: a socket that is there is left over.
  rmSync(path, { force: true });
  const server = await listen(enter, { path }, path);
  // Callers prove who they are; being able to knock gives nobody a right.
  chmodSync(path, 0o666);
  return server;
}

function listen(
  enter: (socket: Socket) => void,
  where: { path: string } | { host: string; port: number },
  what: string,
): Promise<Server> {
  const server = createServer(enter);
  server.maxConnections = mostConnections;
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      reject(new HostlerError('unavailable', `Cannot listen on ${what}: ${cause.message}`, { cause }));
    });
    server.listen({ ...where, backlog: 4096 }, () => {
      server.removeAllListeners('error');
      server.on('error', () => undefined);
      resolve(server);
    });
  });
}

class Door {
  readonly #deps: ListenerDeps;
  readonly #tls: TlsServer;
  readonly #open = new Set<Socket>();
  /** Connections of which it is not known yet whether anything good comes of them. */
  #knocking = 0;
  /** Handshakes going on, and who waits for one to end; the longest first. */
  #shaking = 0;
  readonly #line: { readonly socket: Socket; readonly since: number }[] = [];
  #renewal: NodeJS.Timeout | undefined;

  constructor(deps: ListenerDeps, identity: TlsIdentity & { readonly expiresAt: number }) {
    this.#deps = deps;
    this.#tls = createTlsServer({
      ...serverTlsOptionsFor(identity),
      // Without a certificate one may still enrol; what else needs one says so itself.
      requestCert: true,
      rejectUnauthorized: false,
      ALPNProtocols: ['h2'],
      handshakeTimeout: patience,
    });
    this.#tls.on('secureConnection', (socket) => this.#secured(socket));
    this.#tls.on('tlsClientError', (error, socket) => {
      this.#shaken();
      deps.log.debug({ peer: socket.remoteAddress, err: error }, 'TLS handshake failed');
      socket.destroy();
    });
    this.#renewLater(identity.expiresAt);
  }

  enter(socket: Socket, plainAllowed: boolean): void {
    this.#open.add(socket);
    socket.on('close', () => this.#open.delete(socket));
    socket.on('error', () => socket.destroy());
    if (this.#knocking + this.#line.length >= mostKnocking) {
      socket.destroy();
      return;
    }
    this.#knocking++;
    const tooSlow = setTimeout(() => socket.destroy(), patience);
    let looked = false;
    const look = (): void => {
      if (looked) return;
      looked = true;
      clearTimeout(tooSlow);
      this.#knocking--;
      this.#look(socket, plainAllowed);
    };
    socket.once('readable', look);
    socket.once('close', look);
  }

  #look(socket: Socket, plainAllowed: boolean): void {
    const first = socket.destroyed ? null : (socket.read(1) as Buffer | null);
    if (first === null) {
      socket.destroy();
      return;
    }
    socket.unshift(first);
    if (first[0] === handshakeRecord) {
      if (this.#shaking < mostHandshakes) this.#shake(socket);
      else this.#line.push({ socket, since: performance.now() });
    } else if (plainAllowed) {
      this.#deps.onPlain(socket);
    } else {
      this.#deps.log.debug({ peer: socket.remoteAddress }, 'a connection without TLS was refused');
      socket.destroy();
    }
  }

  /** Every handshake ends as secureConnection or tlsClientError, by its timeout at the latest. */
  #shake(socket: Socket): void {
    this.#shaking++;
    this.#tls.emit('connection', socket);
  }

  /** One has ended: the next one's turn. Whoever waited too long is sent away, and comes back after a pause. */
  #shaken(): void {
    this.#shaking--;
    while (this.#shaking < mostHandshakes) {
      const next = this.#line.shift();
      if (next === undefined) return;
      if (next.socket.destroyed) continue;
      if (performance.now() - next.since > longestWait) next.socket.destroy();
      else this.#shake(next.socket);
    }
  }

  #secured(socket: TLSSocket): void {
    this.#shaken();
    socket.on('error', () => socket.destroy());
    if (socket.alpnProtocol !== 'h2') {
      socket.destroy();
      return;
    }
    const peer = socket.getPeerCertificate();
    if (!socket.authorized && Object.keys(peer).length > 0) {
      this.#deps.log.warn(
        {
          peer: socket.remoteAddress,
          name: printable(commonName(peer) ?? 'unknown'),
          reason: String(socket.authorizationError),
        },
        'a client certificate that this manager does not accept was shown',
      );
    }
    this.#deps.onTls(socket);
  }

  /** The next server certificate is made after two thirds of this one's life. */
  #renewLater(expiresAt: number): void {
    // setTimeout takes 31 bits.
    const wait = Math.min(((expiresAt - Date.now()) * 2) / 3, 2 ** 31 - 1);
    this.#renewal = setTimeout(() => void this.#renew(), Math.max(wait, 1000));
    this.#renewal.unref();
  }

  async #renew(): Promise<void> {
    try {
      const identity = await this.#deps.identity();
      this.#tls.setSecureContext(serverTlsOptionsFor(identity));
      this.#renewLater(identity.expiresAt);
    } catch (thrown) {
      this.#deps.log.error({ err: thrown }, 'cannot renew the server certificate; trying again in an hour');
      this.#renewLater(Date.now() + 1.5 * 3600_000);
    }
  }

  async close(servers: readonly Server[]): Promise<void> {
    clearTimeout(this.#renewal);
    const closed = servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    for (const socket of [...this.#open]) socket.destroy();
    await Promise.all(closed);
  }
}
