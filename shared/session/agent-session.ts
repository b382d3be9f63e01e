import { HostlerError, isErrorCode } from '../errors/error.ts';
import type { ChannelData__Output } from '../wire/generated/hostler/v1/ChannelData.ts';
import type { FromAgent } from '../wire/generated/hostler/v1/FromAgent.ts';
import type { Hello } from '../wire/generated/hostler/v1/Hello.ts';
import type { Task__Output } from '../wire/generated/hostler/v1/Task.ts';
import type { ToAgent__Output } from '../wire/generated/hostler/v1/ToAgent.ts';
import type { Welcome__Output } from '../wire/generated/hostler/v1/Welcome.ts';
import { type Channel, Channels } from './channels.ts';
import type { Duplex } from './duplex.ts';
import { helloTimeout, inFlight, silenceAllowed } from './limits.ts';
import type { ProtocolRange } from './protocol.ts';
import { Receiver } from './receiver.ts';
import { Changes, pause } from './signals.ts';

/** A message of the agent without its numbers. */
export type AgentBody = Omit<FromAgent, 'sequence' | 'acknowledged'>;

/** The agent's durable messages, numbered from 1 without gaps. */
export interface Backlog {
  /** Some messages after that number, in order; empty when there are none yet. Keeps what was not released. */
  after(sequence: number): Promise<readonly { readonly sequence: number; readonly body: AgentBody }[]>;
  /** The other side has everything up to this. */
  release(through: number): void;
  /** Lowest number that can still be sent. */
  readonly first: number;
  /** Highest number so far; 0 when there never was one. */
  readonly last: number;
  /** Told when `last` grows. */
  readonly grown: Changes;
}

export interface AgentSessionEvents {
  welcome(welcome: Welcome__Output): void;
  /** The task is acknowledged when this resolves. */
  task(task: Task__Output): Promise<void>;
  cancel(id: string, reason: string): void;
  dismiss(reason: string): void;
  acknowledged(sequence: number): void;
  /** A channel that the manager opened; absent: refused. */
  channel?(channel: Channel): void;
}

/** The manager does not serve this connection. */
export class Refused extends HostlerError {
  /** Seconds until a new attempt makes sense; 0: never. */
  readonly retryAfter: number;

  constructor(code: HostlerError['code'], message: string, retryAfter: number) {
    super(code, message);
    this.retryAfter = retryAfter;
  }
}

/** How many unnumbered messages may wait for the carrier before `tell` says no. */
const mostWaiting = 32;

/** The agent's side of one connection, whatever carries it. */
export class AgentSession {
  readonly #duplex: Duplex<ToAgent__Output, FromAgent>;
  readonly #backlog: Backlog;
  readonly #events: AgentSessionEvents;
  readonly #received: Receiver;
  readonly #random: () => number;
  readonly #ended = new AbortController();
  readonly #channels: Channels;
  readonly #moved = new Changes();
  #acknowledged = 0;
  #heartbeatEvery = 0;
  #heard = 0;
  #waiting = 0;
  #welcomed = false;

  /** `received`: the highest number of the manager's that was taken in during this life of the process. */
  constructor(
    duplex: Duplex<ToAgent__Output, FromAgent>,
    backlog: Backlog,
    events: AgentSessionEvents,
    received: number,
    random: () => number = Math.random,
  ) {
    this.#duplex = duplex;
    this.#backlog = backlog;
    this.#events = events;
    this.#received = new Receiver(received);
    this.#random = random;
    this.#channels = new Channels((data) => this.#send({ channel: data }), events.channel?.bind(events));
  }

  get received(): number {
    return this.#received.received;
  }

  /** Welcomed, and not ended yet. */
  get open(): boolean {
    return this.#welcomed && !this.#ended.signal.aborted;
  }

  /**
   * Says hello and serves the connection until it ends. Returns when the manager closed it or the signal aborted;
   * throws Refused, or HostlerError when it broke.
   */
  async run(
    hello: Omit<Hello, 'protocolLowest' | 'protocolHighest' | 'keptFrom'>,
    speaks: ProtocolRange,
    signal: AbortSignal,
  ): Promise<void> {
    const stop = (): void => this.#duplex.close();
    signal.addEventListener('abort', stop, { once: true });
    const tooSlow = setTimeout(() => {
      const seconds = helloTimeout / 1000;
      this.#duplex.close(new HostlerError('deadline_exceeded', `The manager did not answer within ${seconds} s.`));
    }, helloTimeout);
    const inBackground: Promise<void>[] = [];
    try {
      if (signal.aborted) return;
      await this.#send({
        hello: {
          ...hello,
          protocolLowest: speaks.lowest,
          protocolHighest: speaks.highest,
          keptFrom: this.#backlog.last >= this.#backlog.first ? this.#backlog.first : 0,
        },
      });
      for await (const message of this.#duplex.incoming) {
        clearTimeout(tooSlow);
        this.#heard = Date.now();
        await this.#take(message, inBackground);
      }
    } catch (thrown) {
      const error = HostlerError.from(thrown, 'unavailable');
      // With a reason, so that nothing waits for a carrier that does not notice that it is dead.
      this.#duplex.close(error);
      if (!signal.aborted) throw error;
    } finally {
      clearTimeout(tooSlow);
      signal.removeEventListener('abort', stop);
      this.#ended.abort();
      this.#moved.notify();
      this.#channels.close(new HostlerError('unavailable', 'The connection to the manager ended.'));
      this.#duplex.close();
      await Promise.all(inBackground);
    }
  }

  /** May be lost. False: not connected, or too much waits already. */
  tell(body: AgentBody): boolean {
    if (!this.open || this.#waiting >= mostWaiting) return false;
    this.#waiting++;
    this.#send(body)
      .catch(() => undefined) // The connection is about to end and says why itself.
      .finally(() => {
        this.#waiting--;
        this.#moved.notify();
      });
    return true;
  }

  /** Resolves when `tell` would take a message, or the session ended. */
  async ready(signal: AbortSignal): Promise<void> {
    while (this.open && this.#waiting >= mostWaiting && !signal.aborted) {
      await this.#moved.next(signal);
    }
  }

  openChannel(id: string): Channel {
    if (!this.open) throw new HostlerError('unavailable', 'There is no connection to the manager.');
    return this.#channels.open(id);
  }

  #send(body: AgentBody, sequence = 0): Promise<void> {
    return this.#duplex.send({ ...body, sequence, acknowledged: this.#received.received });
  }

  async #take(message: ToAgent__Output, inBackground: Promise<void>[]): Promise<void> {
    if (message.refusal) {
      const { code, message: sentence, retryAfter } = message.refusal;
      throw new Refused(isErrorCode(code) ? code : 'unknown', sentence, retryAfter);
    }
    if (!this.#welcomed && !message.welcome) {
      throw new HostlerError('invalid_argument', 'The manager did not begin with a welcome.');
    }
    this.#acknowledge(message.welcome ? message.welcome.acknowledged : message.acknowledged);
    // A number is acknowledged with whatever is sent next, and the task must be kept by then.
    if (message.task) await this.#events.task(message.task);
    const arrival = this.#received.arrived(message.sequence);
    if (message.welcome) {
      this.#setPace(message.welcome.pace?.heartbeatEvery);
      this.#events.welcome(message.welcome);
      if (!this.#welcomed) {
        this.#welcomed = true;
        inBackground.push(this.#sendBacklog(), this.#beat());
      }
    }
    if (message.cancel) this.#events.cancel(message.cancel.id, message.cancel.reason);
    if (message.dismiss) this.#events.dismiss(message.dismiss.reason);
    if (message.pace) this.#setPace(message.pace.heartbeatEvery);
    if (message.channel) this.#receiveChannel(message.channel);
    if (arrival !== 'unnumbered') this.#send({}).catch(() => undefined);
  }

  #receiveChannel(data: ChannelData__Output): void {
    this.#channels.receive(data);
  }

  #acknowledge(through: number): void {
    if (through <= this.#acknowledged) return;
    this.#acknowledged = through;
    this.#backlog.release(through);
    this.#events.acknowledged(through);
    this.#moved.notify();
  }

  #setPace(every: number | undefined): void {
    if (every === undefined || every === 0) return;
    this.#heartbeatEvery = every;
    this.#moved.notify();
  }

  /** Sends what was not acknowledged, in order, never more than a window ahead of the acknowledgements. */
  async #sendBacklog(): Promise<void> {
    const { signal } = this.#ended;
    const ended = (): boolean => signal.aborted;
    let sent = this.#acknowledged;
    try {
      while (!ended()) {
        const entries = await this.#backlog.after(sent);
        if (entries.length === 0) await this.#grownAfter(sent);
        for (const { sequence, body } of entries) {
          while (sequence > this.#acknowledged + inFlight && !ended()) await this.#moved.next(signal);
          if (ended()) return;
          await this.#send(body, sequence);
          sent = sequence;
        }
      }
    } catch (thrown) {
      this.#duplex.close(HostlerError.from(thrown, 'unavailable'));
    }
  }

  async #grownAfter(sent: number): Promise<void> {
    while (this.#backlog.last <= sent && !this.#ended.signal.aborted) {
      await this.#backlog.grown.next(this.#ended.signal);
    }
  }

  /** The manager answers every heartbeat: when it does not, the carrier is dead and has not noticed. */
  async #beat(): Promise<void> {
    const { signal } = this.#ended;
    const ended = (): boolean => signal.aborted;
    while (!ended()) {
      // Jitter of up to a fifth: thousands of agents must not speak at once.
      const wait = (this.#heartbeatEvery || 60_000) * (1 + this.#random() / 5);
      await pause(wait, signal);
      if (ended()) return;
      const silence = Date.now() - this.#heard;
      if (silence > silenceAllowed(wait)) {
        const seconds = Math.round(silence / 1000);
        this.#duplex.close(new HostlerError('unavailable', `Nothing was heard of the manager for ${seconds} s.`));
        return;
      }
      this.tell({ heartbeat: { at: Date.now() } });
    }
  }
}
