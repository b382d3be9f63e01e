import { randomBytes } from 'node:crypto';
import type { Msg, NatsConnection, NatsError } from 'nats';
import { type BrokerLogin, connectBroker, connectionError, leaveBroker } from '../../../shared/broker/connection.ts';
import { HostlerError } from '../../../shared/errors/error.ts';
import {
  type SubjectOwner,
  allUp,
  brokerNews,
  cameLength,
  downSubject,
  leafDomain,
  managerCame,
  managerThere,
  readUp,
  upSubject,
} from '../../../shared/identity/subjects.ts';
import { Framed, unknownConnection } from '../../../shared/session/framed.ts';
import { pause } from '../../../shared/session/signals.ts';
import { undecodable } from '../../../shared/session/undecodable.ts';
import { frameCodec, fromAgentCodec, toAgentCodec } from '../../../shared/wire/definitions.ts';
import type { Frame__Output } from '../../../shared/wire/generated/hostler/v1/Frame.ts';
import type { FromAgent__Output } from '../../../shared/wire/generated/hostler/v1/FromAgent.ts';
import type { ToAgent } from '../../../shared/wire/generated/hostler/v1/ToAgent.ts';
import type { FleetRoom } from '../fleet.ts';
import type { FleetLog } from '../log.ts';
import { KeptReports } from './kept-reports.ts';
import { LeafReports } from './leaf-reports.ts';
import { type NatsCounts, NatsTally } from './nats-tally.ts';

/** Connections of one agent at a time: the one that works, and one that takes over. */
const mostOfOne = 4;

/** Ended connections of one agent that are remembered: what comes late must not begin them again. */
const rememberedOfOne = 8;

/** How often it is looked for kept reports, in milliseconds; and what they may take of the disk, in bytes. */
const drainEvery = 60_000;
const defaultMostKept = 1024 * 1024 * 1024;
/** The same for a leaf node, which comes and goes. */
const lookEvery = 500;

/** Milliseconds of the first and the longest pause before the broker is tried again. */
const pauses = [250, 10_000] as const;

export interface NatsLink {
  readonly counts: Readonly<NatsCounts>;
  /** Connected to the broker, and listening. */
  readonly open: boolean;
  /** Of how many certificates connections are remembered. */
  readonly remembered: number;
  /** Abrupt: as when the process was killed. */
  close(abrupt?: boolean): Promise<void>;
}

export interface NatsLinkDeps {
  readonly fleet: Pick<FleetRoom, 'serve' | 'kept'> & {
    readonly enrolment: Pick<FleetRoom['enrolment'], 'holder' | 'wayOf'>;
  };
  /** The agents behind this relay are meant, which are in an account of their own; absent: those that reach the broker itself. */
  readonly via?: string;
  /** What reports that wait for this manager may take of the broker's disk, in bytes; absent: 1 GiB. */
  readonly mostKept?: number;
  /** Asked anew for each connection to the broker. */
  readonly login: () => Promise<BrokerLogin>;
  readonly log: FleetLog;
}

type Connection = Framed<FromAgent__Output, ToAgent>;

interface Agent {
  readonly open: Map<string, { readonly framed: Connection; readonly via: string }>;
  readonly ended: string[];
}

/**
 * The link over NATS: one connection to the broker carries all agents. Goes on trying when the broker is away; whoever was
 * connected then begins anew. Resolves at once.
 */
export function openNatsLink(deps: NatsLinkDeps): NatsLink {
  return new TheNatsLink(deps);
}

class TheNatsLink implements NatsLink {
  readonly counts: NatsCounts;
  readonly #tally: NatsTally;
  readonly #deps: NatsLinkDeps;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;
  readonly #agents = new Map<string, Agent>();
  /** Those in whose name somebody else spoke: each is told of once. */
  readonly #forged = new Set<string>();
  #broker: NatsConnection | undefined;
  #listening = false;
  /** A relay's leaf node: what agents laid down there. */
  #leaf: LeafReports | undefined;

  constructor(deps: NatsLinkDeps) {
    this.#deps = deps;
    this.#tally = new NatsTally(deps.log, deps.via);
    this.counts = this.#tally.counts;
    this.#running = this.#run();
  }

  get open(): boolean {
    return this.#listening;
  }

  get remembered(): number {
    return this.#agents.size;
  }

  /** A method, for it changes while something is awaited. */
  #isStopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  async close(abrupt = false): Promise<void> {
    this.#stopping.abort();
    // Goodbyes that were said go out.
    if (abrupt) await this.#broker?.close();
    else if (this.#broker !== undefined) await leaveBroker(this.#broker);
    await this.#running;
    this.#tally.close();
  }

  async #run(): Promise<void> {
    const { log } = this.#deps;
    const { signal } = this.#stopping;
    const [first, most] = pauses;
    let told = '';
    for (let wait: number = first; !this.#isStopped(); wait = Math.min(most, wait * 2)) {
      try {
        const broker = await connectBroker(await this.#deps.login());
        await this.#serve(broker, () => {
          wait = first / 2;
          told = '';
        });
      } catch (thrown) {
        const error = HostlerError.from(thrown, 'unavailable');
        // Once for each reason, not every few seconds.
        if (!this.#isStopped() && error.message !== told) log.error({ err: error, code: error.code }, error.message);
        told = error.message;
      }
      await pause(wait, signal);
    }
  }

  /** Until the connection to the broker ends. `works`: told when the broker has all that is needed. */
  async #serve(broker: NatsConnection, works: () => void): Promise<void> {
    const { log } = this.#deps;
    if (this.#isStopped()) {
      await broker.close();
      return;
    }
    this.#broker = broker;
    try {
      await this.#listen(broker);
      works();
    } catch (thrown) {
      await broker.close();
      this.#broker = undefined;
      throw connectionError(thrown, 'its address');
    }
    const closed = await broker.closed();
    this.#listening = false;
    this.#broker = undefined;
    const why = closed instanceof Error ? `: ${closed.message}` : '';
    const error = new HostlerError('unavailable', `The connection to the broker was lost${why}.`);
    if (!this.#isStopped()) log.warn({ err: closed }, error.message);
    for (const { open } of this.#agents.values()) for (const { framed } of open.values()) framed.break(error);
  }

  async #listen(broker: NatsConnection): Promise<void> {
    const { log, fleet, mostKept, via } = this.#deps;
    const { server_id: server = '', version } = broker.info ?? {};
    broker.subscribe(brokerNews, { callback: (error, message) => this.#news(error, message) });
    // Before any hello: a new life of an agent ends what its earlier one had to say.
    const reports = new KeptReports(broker, {
      fleet,
      log,
      mostBytes: mostKept ?? defaultMostKept,
      mine: (owner) => this.#isMine(owner),
      ...(via !== undefined && { domain: leafDomain(via) }),
    });
    let kept = 0;
    if (via === undefined) {
      await reports.prepare();
      kept = await reports.drain();
    } else {
      const back = (): void => broker.publish(managerThere, randomBytes(cameLength));
      this.#leaf = new LeafReports(reports, via, log, back);
    }
    // First, so that what begins from now on is not meant.
    broker.publish(managerCame, randomBytes(cameLength));
    broker.subscribe(allUp, { callback: (error, message) => this.#arrived(error, message) });
    // Not waited for: a flush of a connection that is closed meanwhile never ends.
    void broker.flush().then(
      () => {
        if (broker.isClosed()) return;
        this.#listening = true;
        log.info({ server, version, kept, via }, 'connected to the broker');
      },
      () => undefined,
    );
    const leaf = this.#leaf;
    const later = setInterval(
      () => {
        // Laid down while the manager was on its way; their agents send them again, but the stream is to be emptied.
        const drained = leaf?.poll() ?? reports.drain();
        drained.catch((err: unknown) => log.warn({ err }, 'cannot look for reports that the broker kept'));
      },
      via === undefined ? drainEvery : lookEvery,
    );
    void broker.closed().then(() => clearInterval(later));
    void leaf?.look();
  }

  #arrived(error: NatsError | null, message: Msg): void {
    if (error !== null) {
      this.#deps.log.error({ err: error }, 'the broker does not let the manager listen to its agents');
      void this.#broker?.close();
      return;
    }
    const from = readUp(message.subject);
    if (from === undefined) {
      this.counts.unknown++;
      return;
    }
    if (!this.#isMine(from)) {
      this.#refuse(from);
      return;
    }
    const agent = this.#agentOf(from);
    const known = agent.open.get(from.connection);
    if (message.data.length === 0 && message.headers?.code === 503) {
      // An answer of our own: nobody listens at the other end.
      known?.framed.break(new HostlerError('unavailable', 'The agent is gone from the broker.'));
      return;
    }
    const frame = readFrame(message.data);
    if (frame === undefined) {
      this.counts.undecodable++;
      // A connection that begins so takes nobody's place: it may be an answer that an agent had sent here by the broker.
      const framed = known?.framed ?? this.#framed(from, agent);
      framed.receiveGarbage();
      if (known === undefined) this.#serveOne(from, framed);
      return;
    }
    if (known !== undefined) known.framed.receive(frame);
    else if (frame.number === 1) this.#first(from, agent, frame);
    else if (!frame.end) this.#unknown(from, agent);
  }

  /** A certificate that is none (any more) is refused by the session, which says so to its bearer. */
  #isMine({ name, serial }: SubjectOwner): boolean {
    const way = this.#deps.fleet.enrolment.wayOf(name, serial);
    return way === undefined || way.via === this.#deps.via;
  }

  /** Somebody at a relay speaks for an agent that is not behind it, or the other way round. */
  #refuse({ name, serial }: SubjectOwner): void {
    this.counts.forged++;
    if (this.#forged.has(name)) return;
    this.#forged.add(name);
    const by = this.#deps.via === undefined ? 'the broker itself' : `the relay '${this.#deps.via}'`;
    this.#deps.log.warn(
      { agent: name, serial },
      `${by} brought a message of '${name}', who does not speak by it; refused`,
    );
  }

  #first(from: SubjectOwner & { readonly connection: string }, agent: Agent, frame: Frame__Output): void {
    if (agent.ended.includes(from.connection)) {
      this.counts.replayed++;
      this.#deps.log.warn(
        { agent: from.name, serial: from.serial },
        'the beginning of a connection that had ended came again; refused',
      );
      return;
    }
    this.#begin(from, agent, frame.via).receive(frame);
  }

  #unknown(from: SubjectOwner & { readonly connection: string }, agent: Agent): void {
    this.counts.unknown++;
    // One that just ended here: its end is on the way.
    if (agent.ended.includes(from.connection)) return;
    this.#broker?.publish(
      downSubject(from, from.connection),
      unknownConnection('The manager does not know this connection; it was restarted, or the broker lost something.'),
    );
  }

  #begin(from: SubjectOwner & { readonly connection: string }, agent: Agent, via: string): Connection {
    const framed = this.#framed(from, agent);
    for (const [oldest, { framed: other }] of agent.open) {
      if (agent.open.size < mostOfOne) break;
      agent.open.delete(oldest);
      other.close(new HostlerError('resource_exhausted', `More than ${mostOfOne} connections of one agent.`));
    }
    agent.open.set(from.connection, { framed, via });
    this.#agents.set(keyOf(from), agent);
    this.#serveOne(from, framed);
    return framed;
  }

  #serveOne({ name, serial }: SubjectOwner, framed: Connection): void {
    const peer = this.#deps.fleet.enrolment.holder(name, serial);
    const serve = (): Promise<void> => this.#deps.fleet.serve(framed, peer, 'nats');
    // What it had laid down comes first.
    if (this.#leaf === undefined) void serve();
    else void this.#leaf.look().then(serve);
  }

  #framed(from: SubjectOwner & { readonly connection: string }, agent: Agent): Connection {
    const { connection } = from;
    const down = downSubject(from, connection);
    const reply = upSubject(from, connection);
    return new Framed<FromAgent__Output, ToAgent>({
      out: toAgentCodec,
      into: fromAgentCodec,
      undecodable,
      put: (bytes) => {
        if (this.#broker === undefined) throw new HostlerError('unavailable', 'The broker is away.');
        // Where nobody listens, the broker answers for him.
        this.#broker.publish(down, bytes, { reply });
      },
      closed: () => this.#ended(from, agent),
      again: () => this.counts.again++,
    });
  }

  #ended(from: SubjectOwner & { readonly connection: string }, agent: Agent): void {
    agent.open.delete(from.connection);
    agent.ended.push(from.connection);
    if (agent.ended.length > rememberedOfOne) agent.ended.shift();
    const isCurrent = this.#deps.fleet.enrolment.wayOf(from.name, from.serial) !== undefined;
    // A relay that was broken into can invent as many certificates as it likes: nothing stays of one that is none.
    if (!isCurrent && agent.open.size === 0 && this.#agents.get(keyOf(from)) === agent)
      this.#agents.delete(keyOf(from));
  }

  /** One that has no connection yet is remembered only when it begins one. */
  #agentOf(from: SubjectOwner): Agent {
    return this.#agents.get(keyOf(from)) ?? { open: new Map(), ended: [] };
  }

  /** The broker tells when a connection of our account ended: its agent is gone, long before a heartbeat is missed. */
  #news(error: NatsError | null, message: Msg): void {
    if (error !== null) {
      this.#deps.log.warn({ err: error }, 'the broker does not tell of ended connections; heartbeats will');
      return;
    }
    const ended = readNews(message.data);
    if (ended === undefined) {
      // The leaf node's own: it may be back by another one already.
      void this.#leaf?.look();
      return;
    }
    const agent = this.#agents.get(keyOf(ended));
    for (const { framed, via } of agent?.open.values() ?? []) {
      if (via !== ended.via) continue;
      framed.break(new HostlerError('unavailable', `The agent's connection to the broker ended: ${ended.reason}`));
    }
  }
}

function keyOf({ name, serial }: SubjectOwner): string {
  return `${name}/${serial}`;
}

function readFrame(data: Uint8Array): Frame__Output | undefined {
  try {
    return frameCodec.decode(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  } catch {
    return undefined;
  }
}

/** `io.nats.server.advisory.v1.client_disconnect`: only what we need of it. */
function readNews(data: Uint8Array): (SubjectOwner & { readonly via: string; readonly reason: string }) | undefined {
  interface News {
    readonly server?: { readonly id?: string };
    readonly client?: { readonly id?: number; readonly name_tag?: string; readonly tags?: readonly string[] };
    readonly reason?: string;
  }
  let news: News | null;
  try {
    news = JSON.parse(Buffer.from(data).toString()) as News | null;
  } catch {
    return undefined;
  }
  const { id, name_tag: name, tags } = news?.client ?? {};
  const serial = tags?.find((tag) => tag.startsWith('serial:'))?.slice('serial:'.length);
  if (name === undefined || serial === undefined) return undefined;
  const via = `${news?.server?.id ?? ''}/${id ?? ''}`;
  return { name: name.replaceAll('~', '.'), serial, via, reason: news?.reason ?? 'unknown' };
}
