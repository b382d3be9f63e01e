import { type Server, type Socket, connect, createServer } from 'node:net';
import { HostlerError } from '../../../shared/errors/error.ts';
import { type ManagerAddress, parseManagerAddress } from '../../identity/address.ts';
import { keeperName } from '../../../shared/identity/kept-piece.ts';
import type { Address } from '../../store/server.ts';
import { handshakeRecord, serverNameIn } from './server-name.ts';

/** How long the first message may take, and the connection to the manager, in milliseconds. */
const patience = 10_000;

/** A line that says nothing for this long is asked whether it is still there, in milliseconds. */
const askAfter = 30_000;

/** Addresses of this machine that are named in the log, each once. */
const mostTold = 64;

/** Agents behind one relay at a time; each needs two sockets. */
const mostConnections = 12_000;

export interface RelayDeps {
  readonly at: readonly Address[];
  /** Where this agent reaches the manager, or the brokers, itself: `HOST:PORT` or `unix:PATH`; possibly another relay. */
  readonly to: readonly string[];
  /** gRPC begins with the agent's TLS handshake, NATS with a greeting of the broker. */
  readonly speaksFirst: 'agent' | 'server';
  /** Gets the connections that ask for the relay's own keeper; absent: there is none, and they go to the manager, too. */
  readonly keeper?: {
    enter(socket: Socket): void;
    /** What a node said goes before its next life: called, and waited for, before each connection to the manager. */
    now(): Promise<void>;
  };
  /** Whether who came to that address of this machine is let in; absent: everybody is. */
  readonly mayEnter?: (address: string) => boolean;
  readonly log: (line: string) => void;
}

export interface Relay {
  /** The ports that were bound, in the order of the addresses. */
  readonly ports: readonly number[];
  /** How many connections are handed through now. */
  readonly open: () => number;
  close(): Promise<void>;
}

/**
 * Carries the connections of agents that reach this machine alone to the manager or its broker, byte for byte. The TLS of an
 * agent ends there and nowhere else: the relay holds no key of theirs, so it can neither read nor alter nor invent what they
 * say, and enrolment, links and renewals all pass the same way. It can only be slow, or cut.
 *
 * One kind of connection ends here: who asks for the keeper by name lays reports down that cannot get through now.
 */
export async function openRelay(deps: RelayDeps): Promise<Relay> {
  const targets = deps.to.map(parseManagerAddress);
  let turn = 0;
  const lines = new Set<Line>();
  const turnedAway = new Set<string>();
  const enter = (near: Socket): void => {
    const address = near.localAddress ?? '';
    if (deps.mayEnter?.(address) === false) {
      near.destroy();
      if (turnedAway.size < mostTold && !turnedAway.has(address)) {
        turnedAway.add(address);
        deps.log(
          `relay: nobody is let in at ${address}, which is no address of a network that this node serves by what it was told`,
        );
      }
      return;
    }
    // Of several brokers each line takes the next: one that is away costs its agent an attempt.
    const target = targets[turn++ % targets.length];
    if (target === undefined) return;
    const line = new Line(near, target, deps, () => lines.delete(line));
    lines.add(line);
  };
  const servers: Server[] = [];
  const close = async (): Promise<void> => {
    const closed = servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    for (const line of lines) line.cut();
    await Promise.all(closed);
  };
  const ports: number[] = [];
  try {
    for (const at of deps.at) {
      const { server, port } = await listen(at, enter);
      servers.push(server);
      ports.push(port);
    }
  } catch (thrown) {
    await close();
    throw thrown;
  }
  deps.log(`relay: carries links to ${deps.to.join(', ')} for who connects to port ${ports.join(', ')}`);
  return { ports, open: () => lines.size, close };
}

function listen({ host, port }: Address, enter: (near: Socket) => void): Promise<{ server: Server; port: number }> {
  const server = createServer({ allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: askAfter });
  server.on('connection', enter);
  server.maxConnections = mostConnections;
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      reject(
        new HostlerError('unavailable', `The relay cannot listen on ${host}:${port}: ${cause.message}`, { cause }),
      );
    });
    server.listen({ host, port, backlog: 4096 }, () => {
      server.removeAllListeners('error');
      server.on('error', () => undefined);
      const bound = server.address();
      resolve({ server, port: typeof bound === 'object' && bound !== null ? bound.port : port });
    });
  });
}

/** One connection of an agent, and the one to the manager that belongs to it. */
class Line {
  readonly #near: Socket;
  readonly #target: ManagerAddress;
  readonly #keeper: RelayDeps['keeper'];
  readonly #gone: () => void;
  readonly #tooSlow: NodeJS.Timeout;
  #far: Socket | undefined;
  #ended = false;

  constructor(near: Socket, target: ManagerAddress, deps: Pick<RelayDeps, 'speaksFirst' | 'keeper'>, gone: () => void) {
    this.#near = near;
    this.#target = target;
    this.#keeper = deps.keeper;
    this.#gone = gone;
    this.#tooSlow = setTimeout(() => this.cut(), patience);
    near.on('error', () => this.cut());
    near.on('close', () => this.cut());
    // The manager is troubled only by those who begin to speak TLS.
    if (deps.speaksFirst === 'agent') this.#look(Buffer.alloc(0));
    else this.#connect();
  }

  cut(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#tooSlow);
    this.#near.destroy();
    this.#far?.destroy();
    this.#gone();
  }

  /** Until the first message is whole. */
  #look(before: Buffer): void {
    this.#near.once('readable', () => {
      const came = this.#near.read() as Buffer | null;
      // Null: it ended before that.
      const bytes = Buffer.concat([before, came ?? Buffer.alloc(0)]);
      if (came === null || bytes[0] !== handshakeRecord) this.cut();
      else this.#route(bytes);
    });
  }

  #route(bytes: Buffer): void {
    const asked = this.#keeper === undefined ? undefined : serverNameIn(bytes);
    if (asked?.isWhole === false) {
      this.#look(bytes);
      return;
    }
    this.#near.unshift(bytes);
    if (asked?.name === keeperName) this.#keep();
    else if (this.#keeper === undefined) this.#connect();
    else void this.#keeper.now().then(() => this.#connect());
  }

  /** The connection is the keeper's from now on. */
  #keep(): void {
    this.#ended = true;
    clearTimeout(this.#tooSlow);
    this.#near.allowHalfOpen = false;
    this.#gone();
    this.#keeper?.enter(this.#near);
  }

  #connect(): void {
    if (this.#ended) return;
    const far = connect({
      ...this.#target,
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: askAfter,
    });
    this.#far = far;
    far.on('error', () => this.cut());
    far.on('close', () => this.cut());
    far.once('connect', () => {
      clearTimeout(this.#tooSlow);
      // Neither side is read faster than the other takes it; an end goes through as an end.
      this.#near.pipe(far);
      far.pipe(this.#near);
    });
  }
}
