import { HostlerError } from '../errors/error.ts';
import type { FromAgent__Output } from '../wire/generated/hostler/v1/FromAgent.ts';
import type { Hello__Output } from '../wire/generated/hostler/v1/Hello.ts';
import type { ToAgent } from '../wire/generated/hostler/v1/ToAgent.ts';
import { Refused } from './agent-session.ts';
import { type Channel, Channels } from './channels.ts';
import type { Duplex } from './duplex.ts';
import { helloTimeout, inFlight, tooLongSentence } from './limits.ts';
import { type ProtocolRange, agreedProtocol } from './protocol.ts';
import { Receiver } from './receiver.ts';
import { Changes } from './signals.ts';
import { oversized, undecodable } from './undecodable.ts';

/** A message of the manager without its numbers. */
export type ManagerBody = Omit<ToAgent, 'sequence' | 'acknowledged'>;

/** What the fleet says to a hello. */
export interface Accepted {
  readonly managerVersion: string;
  readonly heartbeatEvery: number;
  /** Highest number of the agent's that was applied in this incarnation. */
  readonly applied: number;
  readonly logOffsets: Readonly<Record<string, number>>;
}

export interface ManagerSessionEvents {
  /** Throws HostlerError (or Refused, with a time to come back) when the agent is not to be served. */
  hello(hello: Hello__Output, protocol: number): Promise<Accepted> | Accepted;
  /** The welcome was sent: from now on `post` and `send` may be used. */
  welcomed?(): void;
  /**
   * Applies one message. Called in order, without waiting for the one before. What it does must be harmless when done
   * twice, and durable when the promise resolves. Throws when it could not be done: the agent sends it again.
   */
  apply(message: FromAgent__Output): Promise<void> | void;
  /** Everything up to this number was applied. Only when this resolved, which means stored, the agent is told. */
  keep(sequence: number): Promise<void>;
  /** Something the agent did that a well-made agent does not do; the connection goes on. For the log. */
  odd?(message: string): void;
  /** Absent: channels that the agent opens are refused. */
  channel?(channel: Channel): void;
}

/** How long a refusal may take to be sent, in milliseconds. */
const goodbye = 2_000;

/** Seconds after which a refused agent comes back: soon where a new connection is the cure. */
function comeBack(error: HostlerError): number {
  if (error instanceof Refused) return error.retryAfter;
  return error.code === 'data_loss' || error.code === 'internal' ? 1 : 30;
}

/** The manager's side of one connection, whatever carries it. */
export class ManagerSession {
  readonly #duplex: Duplex<FromAgent__Output, ToAgent>;
  readonly #events: ManagerSessionEvents;
  readonly #channels: Channels;
  readonly #moved = new Changes();
  /** Numbered messages in the order they came, each true when applied. */
  readonly #applying: { readonly sequence: number; done: boolean }[] = [];
  #receiver: Receiver | undefined;
  #kept = 0;
  #numbered = 0;
  #protocol = 0;
  #keeping = false;
  #ended = false;

  constructor(duplex: Duplex<FromAgent__Output, ToAgent>, events: ManagerSessionEvents) {
    this.#duplex = duplex;
    this.#events = events;
    this.#channels = new Channels((channel) => this.send({ channel }), events.channel?.bind(events));
  }

  /** Serves the connection until it ends. Returns when the agent closed it, throws HostlerError when it broke or was refused. */
  async run(speaks: ProtocolRange): Promise<void> {
    const tooSlow = setTimeout(() => {
      this.#duplex.close(new HostlerError('deadline_exceeded', 'The agent did not say hello in time.'));
    }, helloTimeout);
    try {
      for await (const message of this.#duplex.incoming) {
        clearTimeout(tooSlow);
        if (message === undecodable) {
          throw new HostlerError('invalid_argument', 'Something came over the link that is no message.');
        }
        if (message === oversized) throw new HostlerError('resource_exhausted', tooLongSentence);
        if (this.#receiver === undefined) await this.#welcome(message, speaks);
        else await this.#take(message, this.#receiver);
      }
    } catch (thrown) {
      const error = HostlerError.from(thrown, 'internal');
      await this.refuse(error);
      throw error;
    } finally {
      clearTimeout(tooSlow);
      this.#ended = true;
      this.#moved.notify();
      this.#channels.close(new HostlerError('unavailable', 'The connection to the agent ended.'));
      this.#duplex.close();
    }
  }

  /** Says why, and ends the connection. */
  async refuse(error: HostlerError): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    // Whoever does not read is not waited for.
    const tooLate = setTimeout(() => this.#duplex.close(error), goodbye);
    try {
      await this.send({ refusal: { code: error.code, message: error.message, retryAfter: comeBack(error) } });
      this.#duplex.close();
    } catch {
      // The carrier is broken already; the agent comes back by itself.
      this.#duplex.close(error);
    } finally {
      clearTimeout(tooLate);
    }
  }

  /** A message of consequence: numbered, in order. Rejects when the connection is broken. */
  post(body: ManagerBody): Promise<void> {
    this.#numbered++;
    return this.#out(body, this.#numbered);
  }

  /** Says it once. */
  send(body: ManagerBody): Promise<void> {
    return this.#out(body, 0);
  }

  /** Says from where on a log is wanted again. */
  welcomeAgain(welcome: Pick<Accepted, 'managerVersion' | 'logOffsets'>): Promise<void> {
    return this.send({ welcome: { ...welcome, protocol: this.#protocol, acknowledged: this.#kept } });
  }

  openChannel(id: string): Channel {
    return this.#channels.open(id);
  }

  #out(body: ManagerBody, sequence: number): Promise<void> {
    return this.#duplex.send({ ...body, sequence, acknowledged: this.#kept });
  }

  async #welcome(message: FromAgent__Output, speaks: ProtocolRange): Promise<void> {
    const { hello } = message;
    if (!hello) throw new HostlerError('invalid_argument', 'A connection begins with a hello.');
    const theirs = { lowest: hello.protocolLowest, highest: hello.protocolHighest };
    const protocol = agreedProtocol(speaks, theirs, hello.version);
    const accepted = await this.#events.hello(hello, protocol);
    let { applied } = accepted;
    if (hello.keptFrom > applied + 1) {
      this.#events.odd?.(`messages ${applied + 1} to ${hello.keptFrom - 1} of the agent are lost`);
      applied = hello.keptFrom - 1;
    }
    this.#receiver = new Receiver(applied);
    this.#kept = applied;
    this.#protocol = protocol;
    this.#numbered = message.acknowledged;
    await this.send({
      welcome: {
        protocol,
        managerVersion: accepted.managerVersion,
        logOffsets: { ...accepted.logOffsets },
        pace: { heartbeatEvery: accepted.heartbeatEvery },
        acknowledged: applied,
      },
    });
    this.#events.welcomed?.();
  }

  async #take(message: FromAgent__Output, receiver: Receiver): Promise<void> {
    if (message.hello) throw new HostlerError('invalid_argument', 'The agent said hello twice.');
    const arrival = receiver.arrived(message.sequence);
    if (arrival === 'again') {
      this.#keepLater();
      return;
    }
    if (message.channel) {
      this.#channels.receive(message.channel);
      return;
    }
    if (arrival === 'unnumbered') {
      if (message.body === undefined) return; // An acknowledgement and nothing else.
      // Answered, so that the agent knows that somebody is there. Not waited for: reading goes on.
      if (message.heartbeat) this.send({}).catch(() => undefined);
      await this.#events.apply(message);
      return;
    }
    if (message.body === undefined) {
      this.#events.odd?.(`message ${message.sequence} says nothing this manager understands; left out`);
    }
    while (this.#applying.length >= inFlight && !this.#ended) await this.#moved.next();
    const entry = { sequence: message.sequence, done: false };
    this.#applying.push(entry);
    const applied = (async () => {
      if (message.body !== undefined) await this.#events.apply(message);
    })();
    applied.then(
      () => {
        entry.done = true;
        this.#keepLater();
      },
      (thrown: unknown) => this.#duplex.close(HostlerError.from(thrown)),
    );
  }

  /** One write at a time, for all that was applied meanwhile; then the acknowledgement. */
  #keepLater(): void {
    // After the end the next connection is asked where to go on; what this one did not keep comes again.
    if (this.#keeping || this.#ended) return;
    this.#keepAll().catch((thrown: unknown) => this.#duplex.close(HostlerError.from(thrown)));
  }

  async #keepAll(): Promise<void> {
    this.#keeping = true;
    try {
      do {
        let through = this.#kept;
        while (this.#applying[0]?.done) through = this.#applying.shift()?.sequence ?? through;
        if (through > this.#kept) await this.#events.keep(through);
        this.#kept = through;
        this.#moved.notify();
        if (!this.#ended) await this.send({});
      } while (this.#nextIsDone() && !this.#ended);
    } finally {
      this.#keeping = false;
    }
  }

  #nextIsDone(): boolean {
    return this.#applying[0]?.done === true;
  }
}
