import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { chmod, mkdir, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { HostlerError } from '../../shared/errors/error.ts';
import { peerIdentity } from '../../shared/identity/certificate.ts';
import type { AgentIdentity } from '../../shared/identity/names.ts';
import { serverTlsOptionsFor, type TlsIdentity } from '../../shared/identity/tls.ts';
import { BlobStore } from './blobs.ts';
import { isDigest } from './digest.ts';
import { isPostscriptName, postscriptFile } from './postscripts.ts';
import { sendFile, sendText } from './send-file.ts';
import { receivedHeader, Uploads } from './upload.ts';

/** Answers a request itself and says true, or leaves it to the store. `peer`: absent without a client certificate. */
export type ExtraRoute = (
  request: IncomingMessage,
  response: ServerResponse,
  peer: AgentIdentity | undefined,
) => Promise<boolean>;

export interface StoreServerOptions {
  readonly home: string;
  readonly installDir: string;
  /** Folder of what comes with the product; its postscripts are handed out where the site has none of that name. */
  readonly share?: string;
  /** Postscripts of the site that are elsewhere; come before those of the product. Absent: there are none. */
  readonly upstream?: { postscript(name: string): Promise<string | undefined> };
  /** Asked again by `renew`. */
  readonly identity: () => TlsIdentity;
  readonly log: (line: string) => void;
  /** True when a certificate was revoked, where the agent knows. */
  readonly revoked?: (serial: string) => boolean;
  readonly extra?: ExtraRoute;
  /** Takes connections that are to become something else than HTTP; without it they are refused. */
  readonly upgrade?: (
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    peer: AgentIdentity | undefined,
  ) => Promise<void>;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Roles of nodes that may read blobs: they serve others. */
const servers: readonly string[] = ['boot', 'store'];
/** Roles whose agents may put blobs in. */
const writers: readonly string[] = ['build', 'golden', 'store'];

/** The unix socket of a home's store, in StoreAccess form. */
export function storeSocket(home: string): string {
  return join(home, 'store.sock');
}

/**
 * The store's HTTPS server. Who may do what is decided by the client's certificate: read blobs with that of any agent
 * that stays, write with role build, golden or store; nodes read postscripts alone. Nothing listens until `listenUnix` and `listenTcp` are called.
 */
export class StoreServer {
  readonly blobs: BlobStore;
  readonly #options: StoreServerOptions;
  readonly #uploads: Uploads;
  readonly #unix: { server?: Server } = {};
  readonly #tcp = new Map<string, Server>();
  /** Of each server, also those that are no HTTP (yet, or any more): it would wait for them at its end. */
  readonly #open = new WeakMap<Server, Set<Socket>>();

  constructor(options: StoreServerOptions) {
    this.#options = options;
    this.blobs = new BlobStore(options.home);
    this.#uploads = new Uploads(this.blobs);
  }

  async listenUnix(): Promise<void> {
    const path = storeSocket(this.#options.home);
    if (Buffer.byteLength(path) > 107) {
      throw new HostlerError('invalid_argument', `The socket path ${path} is too long. Choose a shorter home folder.`);
    }
    if (await answers(path)) {
      throw new HostlerError(
        'failed_precondition',
        `Another agent serves a store at ${path}. Stop it or use another home.`,
      );
    }
    await mkdir(dirname(path), { recursive: true });
    await rm(path, { force: true });
    const server = this.#create();
    await listen(server, { path });
    await chmod(path, 0o600);
    this.#unix.server = server;
  }

  /** Listens on these addresses and no others; those that stay keep their connections. */
  async listenTcp(addresses: readonly Address[]): Promise<void> {
    const wanted = new Map(addresses.map((address) => [`${address.host}:${address.port}`, address]));
    for (const [name, server] of this.#tcp) {
      if (wanted.has(name)) continue;
      this.#tcp.delete(name);
      await this.#close(server);
    }
    for (const [name, address] of wanted) {
      if (this.#tcp.has(name)) continue;
      const server = this.#create();
      await listen(server, address);
      this.#tcp.set(name, server);
    }
  }

  /** `unix:PATH` and `https://HOST:PORT`, for facts.store. */
  endpoints(): string[] {
    const tcp = [...this.#tcp.values()].map((server) => {
      const bound = server.address();
      return bound && typeof bound === 'object' ? `https://${bracketed(bound.address)}:${bound.port}` : '';
    });
    return [
      ...(this.#unix.server ? [`unix:${storeSocket(this.#options.home)}`] : []),
      ...tcp.filter((one) => one !== ''),
    ];
  }

  /** Takes up a renewed certificate; connections that are open go on. */
  renew(): void {
    const context = serverTlsOptionsFor(this.#options.identity());
    for (const server of [this.#unix.server, ...this.#tcp.values()]) server?.setSecureContext(context);
  }

  async stop(): Promise<void> {
    const servers = [this.#unix.server, ...this.#tcp.values()].filter((server) => server !== undefined);
    delete this.#unix.server;
    this.#tcp.clear();
    await Promise.all(servers.map((server) => this.#close(server)));
  }

  #create(): Server {
    const server = createServer(
      {
        ...serverTlsOptionsFor(this.#options.identity()),
        requestCert: true,
        rejectUnauthorized: false,
        requestTimeout: 0,
        headersTimeout: 20_000,
      },
      (request, response) => {
        this.#answer(request, response).catch((error: unknown) => {
          this.#fail(request, response, error);
        });
      },
    );
    const open = new Set<Socket>();
    this.#open.set(server, open);
    server.on('connection', (socket: Socket) => {
      open.add(socket);
      socket.once('close', () => open.delete(socket));
    });
    const { upgrade } = this.#options;
    if (upgrade !== undefined) {
      server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
        upgrade(request, socket, head, this.#peer(request)).catch(() => socket.destroy());
      });
    }
    server.maxHeadersCount = 64;
    server.on('tlsClientError', (error) => this.#options.log(`store: TLS refused: ${error.message}`));
    return server;
  }

  #close(server: Server): Promise<void> {
    return new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of this.#open.get(server) ?? []) socket.destroy();
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const peer = this.#peer(request);
    if (this.#options.extra && (await this.#options.extra(request, response, peer))) return;
    const path = pathOf(request);
    if (!peer) {
      sendText(response, 403, 'needs the certificate of an agent of this cluster\n');
      return;
    }
    const blob = /^\/blobs\/([^/]+)$/.exec(path)?.[1];
    if (blob !== undefined && isDigest(blob)) {
      await this.#blob(request, response, peer, blob);
      return;
    }
    const script = /^\/postscripts\/(.+)$/.exec(path)?.[1];
    if (script !== undefined && isReading(request)) {
      const file = await this.#postscript(script);
      if (file === undefined) sendText(response, 404, 'no such postscript\n');
      else await sendFile(request, response, file);
      return;
    }
    sendText(response, 404, 'not here\n');
  }

  async #postscript(name: string): Promise<string | undefined> {
    if (!isPostscriptName(name)) return undefined;
    const { installDir, upstream, share = '' } = this.#options;
    return (
      (await postscriptFile(installDir, name)) ??
      (await upstream?.postscript(name)) ??
      (share === '' ? undefined : await postscriptFile(share, name))
    );
  }

  async #blob(request: IncomingMessage, response: ServerResponse, peer: AgentIdentity, digest: string): Promise<void> {
    if (isReading(request)) {
      // What a node is to have comes by its boot server: blobs may be golden trees, or files for another node's eyes.
      if (peer.kind === 'node' && !peer.roles.some((role) => servers.includes(role))) {
        sendText(response, 403, 'nodes do not read from a store\n');
        return;
      }
      if (request.method === 'HEAD' && (await this.blobs.size(digest)) === undefined) {
        response.setHeader(receivedHeader, String(await this.blobs.partialSize(digest)));
      }
      await sendFile(request, response, this.blobs.path(digest), { tag: digest });
      return;
    }
    if (request.method !== 'PUT') {
      sendText(response, 405, 'GET, HEAD or PUT\n');
      return;
    }
    if (!peer.roles.some((role) => writers.includes(role))) {
      this.#options.log(`store: ${peer.name} may not write (roles ${peer.roles.join(', ')})`);
      response.setHeader('Connection', 'close');
      sendText(response, 403, `writing needs one of the roles ${writers.join(', ')}\n`);
      return;
    }
    await this.#uploads.put(request, response, digest);
  }

  #peer(request: IncomingMessage): AgentIdentity | undefined {
    const socket = request.socket;
    if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
    const peer = peerIdentity(socket.getPeerCertificate());
    return peer && this.#options.revoked?.(peer.serial) === true ? undefined : peer;
  }

  #fail(request: IncomingMessage, response: ServerResponse, thrown: unknown): void {
    const error = HostlerError.from(thrown);
    this.#options.log(`store: ${request.method ?? ''} ${pathOf(request)}: ${error.message}`);
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    response.setHeader('Connection', 'close');
    const full =
      error.code === 'resource_exhausted' || (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOSPC');
    sendText(response, full ? 507 : error.code === 'invalid_argument' ? 400 : 500, `${error.message}\n`);
  }
}

function isReading(request: IncomingMessage): boolean {
  return request.method === 'GET' || request.method === 'HEAD';
}

/** Without query; a path with an escape (`%`) names nothing here, so it is left as it is and found nowhere. */
function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?', 1)[0] ?? '';
}

function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

function listen(server: Server, where: { path: string } | Address): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      const name = 'path' in where ? where.path : `${where.host}:${where.port}`;
      reject(new HostlerError('unavailable', `The store cannot listen on ${name}: ${cause.message}`, { cause }));
    });
    server.listen(where, resolve);
  });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const finish = (found: boolean): void => {
      socket.destroy();
      resolve(found);
    };
    socket.once('connect', () => finish(true));
    socket.once('error', () => finish(false));
    socket.setTimeout(2000, () => finish(true));
  });
}
