import { HostlerError } from '../../shared/errors/error.ts';
import type { AgentIdentity } from '../../shared/identity/names.ts';
import { Refused } from '../../shared/session/agent-session.ts';
import type { Channel } from '../../shared/session/channels.ts';
import type { Duplex } from '../../shared/session/duplex.ts';
import { type Accepted, ManagerSession } from '../../shared/session/manager-session.ts';
import { type ProtocolRange, spoken } from '../../shared/session/protocol.ts';
import type { FromAgent__Output } from '../../shared/wire/generated/hostler/v1/FromAgent.ts';
import type { KeptReports__Output } from '../../shared/wire/generated/hostler/v1/KeptReports.ts';
import type { Hello__Output } from '../../shared/wire/generated/hostler/v1/Hello.ts';
import type { TaskLog__Output } from '../../shared/wire/generated/hostler/v1/TaskLog.ts';
import type { ToAgent } from '../../shared/wire/generated/hostler/v1/ToAgent.ts';
import type { KeySpace, KeyWrite } from '../registry/types.ts';
import type { Admission } from './admission.ts';
import type { Enrolment } from './authority/enrolment.ts';
import type { FleetLog } from './log.ts';
import { type Member, readFacts } from './member.ts';
import type { NodeEvents } from './node-events.ts';
import type { Presence } from './presence.ts';
import type { LifeRecord } from './records.ts';
import type { Roster } from './roster.ts';
import { records } from './store.ts';
import { type TaskBook, newLife } from './task-book.ts';
import type { AgentArrival, TaskListener } from './types.ts';

/** The longest facts that are kept, in characters. */
const longestFacts = 256 * 1024;

export interface SessionsDeps {
  readonly enrolment: Enrolment;
  readonly roster: Roster;
  readonly tasks: TaskBook;
  readonly events: NodeEvents;
  readonly presence: Presence;
  readonly admission: Admission;
  readonly space: KeySpace;
  readonly listener: () => TaskListener;
  readonly arrived: (arrival: AgentArrival) => Promise<void>;
  readonly channel: (agent: string, channel: Channel) => void;
  readonly version: string;
  readonly log: FleetLog;
  readonly now: () => number;
  readonly speaks?: ProtocolRange;
}

/** Serves connections of agents, whatever carries them: what is said becomes effects, durable before it is acknowledged. */
export class Sessions {
  readonly #deps: SessionsDeps;
  #refused = 0;

  constructor(deps: SessionsDeps) {
    this.#deps = deps;
  }

  /** Until the connection ends. `peer` is who the certificate says; TLS has checked its chain. Never rejects. */
  async serve(duplex: Duplex<FromAgent__Output, ToAgent>, peer: AgentIdentity, link: string): Promise<void> {
    const { log } = this.#deps;
    const one = new OneSession(this.#deps, duplex, peer, link);
    let broke = true;
    try {
      await one.run(this.#deps.speaks ?? spoken);
      broke = false;
    } catch (thrown) {
      const error = HostlerError.from(thrown);
      const { code, message } = error;
      const who = { agent: peer.name, serial: peer.serial, code };
      if (code === 'unavailable' || code === 'cancelled') log.info(who, message);
      // Counted over all links, since the start.
      else log.warn({ ...who, link, refused: ++this.#refused }, message);
    } finally {
      one.left(broke);
    }
  }

  /**
   * Reports that were laid down while the manager was away. Durable when it resolves with true. False: the agent is here and
   * has not told them all yet; ask again later. Throws `unauthenticated` when the agent's certificate is not its own any more.
   */
  async kept(peer: AgentIdentity, reports: KeptReports__Output): Promise<boolean> {
    const { enrolment, roster } = this.#deps;
    const member = roster.of(enrolment.own(peer).name);
    if (member.newest !== undefined && member.life?.incarnation === reports.incarnation) {
      return (reports.messages.at(-1)?.sequence ?? 0) <= member.applied;
    }
    // Its next connection waits for the end of this, and begins where it ended.
    const applying = member.keeping.then(() => this.#applyKept(member, peer, reports));
    member.keeping = applying.catch(() => undefined);
    await applying;
    return true;
  }

  async #applyKept(member: Member, peer: AgentIdentity, reports: KeptReports__Output): Promise<void> {
    const { incarnation, messages } = reports;
    if (member.life?.incarnation !== incarnation) {
      this.#deps.log.warn(
        { agent: member.name, incarnation },
        'reports of a life of the agent that is over were left out',
      );
      return;
    }
    await new OneSession(this.#deps, nowhere, peer, member.life.link).applyKept(member, messages);
  }
}

/** Stands for the connection of an agent whose reports came without it. */
const nowhere: Duplex<FromAgent__Output, ToAgent> = {
  incoming: {
    [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({ done: true as const, value: undefined }) }),
  },
  send: () => Promise.reject(new HostlerError('unavailable', 'The agent is not connected.')),
  close: () => undefined,
};

/** One connection of one agent. */
class OneSession {
  readonly #deps: SessionsDeps;
  readonly #peer: AgentIdentity;
  readonly #link: string;
  readonly #session: ManagerSession;
  #member: Member | undefined;
  #known: ReadonlyMap<string, string> = new Map();
  /** Of tasks whose log had a hole: where it was asked for again. */
  readonly #holes = new Map<string, number>();

  constructor(deps: SessionsDeps, duplex: Duplex<FromAgent__Output, ToAgent>, peer: AgentIdentity, link: string) {
    this.#deps = deps;
    this.#peer = peer;
    this.#link = link;
    this.#session = new ManagerSession(duplex, {
      hello: (hello) => this.#hello(hello),
      welcomed: () => this.#welcomed(),
      apply: (message) => this.#apply(message),
      keep: (sequence) => this.#keep(sequence),
      odd: (message) => this.#deps.log.warn({ agent: peer.name }, message),
      channel: (channel) => this.#deps.channel(peer.name, channel),
    });
  }

  run(speaks: ProtocolRange): Promise<void> {
    return this.#session.run(speaks);
  }

  async applyKept(member: Member, messages: readonly FromAgent__Output[]): Promise<void> {
    this.#member = member;
    let through = member.applied;
    for (const message of messages) {
      if (message.sequence <= through) continue;
      if (message.sequence !== through + 1) {
        this.#deps.log.warn(
          { agent: member.name, have: through, came: message.sequence },
          'a gap before reports that were kept; the agent has to send them itself',
        );
        break;
      }
      await this.#apply(message);
      through = message.sequence;
    }
    if (through > member.applied) await this.#keep(through);
  }

  left(broke: boolean): void {
    if (this.#member?.newest === this) this.#member.newest = undefined;
    if (this.#member?.session === this.#session) this.#deps.presence.left(this.#member, broke);
  }

  async #hello(hello: Hello__Output): Promise<Accepted> {
    const { enrolment, roster, admission, listener, presence } = this.#deps;
    const wait = admission.enter();
    if (wait > 0) throw new Refused('unavailable', 'Many agents come at once; this one has to wait.', wait);
    const record = this.#admitted();
    if (!/^[A-Za-z0-9-]{1,64}$/.test(hello.incarnation)) {
      throw new HostlerError('invalid_argument', 'The hello names no proper incarnation.');
    }
    const member = roster.of(record.name);
    const before = member.session;
    if (before !== undefined) {
      this.#deps.log.info({ agent: record.name }, 'a new connection takes the place of the one before');
      member.session = undefined;
      void before.refuse(new Refused('aborted', 'Another connection with the same certificate took over.', 60));
    }
    member.newest = this;
    await member.keeping;
    await this.#live(member, hello);
    await enrolment.used(this.#peer);
    this.#member = member;
    this.#known = new Map(hello.openTasks.map(({ id, state }) => [id, state]));
    const mine = hello.openTasks.filter(({ id }) => member.tasks.has(id));
    return {
      managerVersion: this.#deps.version,
      heartbeatEvery: presence.pace(),
      applied: member.applied,
      logOffsets: Object.fromEntries(mine.map(({ id }) => [id, listener().logOffset(id)])),
    };
  }

  #admitted() {
    try {
      return this.#deps.enrolment.admitted(this.#peer);
    } catch (thrown) {
      const error = HostlerError.from(thrown);
      throw new Refused(error.code, error.message, 0);
    }
  }

  /** Notes the hello; a new incarnation ends what the one before had open. Durable before the welcome. */
  async #live(member: Member, hello: Hello__Output): Promise<void> {
    const { tasks, space, now } = this.#deps;
    const sameLife = member.life?.incarnation === hello.incarnation;
    if (!sameLife) await tasks.lose(member, hello.incarnation, newLife(member.name));
    const life: LifeRecord = {
      incarnation: hello.incarnation,
      version: hello.version.slice(0, 64),
      link: this.#link,
      once: hello.once,
      taskKinds: hello.taskKinds,
      facts: checkedFacts(hello.facts),
      since: sameLife ? (member.life?.since ?? now()) : now(),
      lastSeen: now(),
      connected: true,
      heard: sameLife && member.life?.heard === true,
      ...(sameLife && member.life?.dismissed !== undefined ? { dismissed: member.life.dismissed } : {}),
    };
    const writes: KeyWrite[] = [records.life(member.name, life)];
    if (!sameLife) {
      writes.push(records.applied(member.name, { incarnation: hello.incarnation, sequence: 0 }));
      for (const id of member.ended.keys()) writes.push(records.task(member.name, id, null));
    }
    await space.write(writes);
    if (!sameLife) {
      member.applied = 0;
      member.ended.clear();
    }
    member.life = life;
  }

  #welcomed(): void {
    const member = this.#member;
    if (member?.life === undefined) return;
    const { presence, tasks, log } = this.#deps;
    // Two that said hello at once: the newest stays.
    const tookOver = new Refused('aborted', 'Another connection with the same certificate took over.', 60);
    if (member.newest !== this) {
      void this.#session.refuse(tookOver);
      return;
    }
    void member.session?.refuse(tookOver);
    presence.came(member, this.#session, this.#peer.serial);
    tasks.resync(member, this.#known);
    if (member.life.dismissed !== undefined) {
      this.#session.post({ dismiss: { reason: member.life.dismissed } }).catch(() => undefined);
    }
    this.#announce(member, member.life).catch((thrown: unknown) => {
      log.error({ err: thrown, agent: member.name }, 'the arrival of the agent could not be noted');
      void this.#session.refuse(new Refused('internal', 'The manager could not note that this agent came.', 5));
    });
  }

  /** Tells the engine; again at every connection until it has heard of this life. */
  async #announce(member: Member, { incarnation, once, facts, heard }: LifeRecord): Promise<void> {
    const { events, arrived, now, space } = this.#deps;
    const { name, kind } = this.#peer;
    if (!heard && kind === 'node') {
      events.observe(name, { stage: 'registered', at: now(), bootId: member.facts.bootId ?? '', detail: '' });
    }
    await arrived({ agent: name, kind, incarnation, once, first: !heard, facts });
    if (heard || member.life?.incarnation !== incarnation) return;
    member.life = { ...member.life, heard: true };
    await space.write([records.life(name, member.life)]);
  }

  async #apply(message: FromAgent__Output): Promise<void> {
    const member = this.#member;
    if (member === undefined) return;
    member.lastSeen = this.#deps.now();
    const listener = this.#deps.listener();
    const { name } = member;
    if (message.heartbeat) return;
    if (message.progress && this.#owns(member, message.progress.id)) {
      const { id, ...progress } = message.progress;
      listener.progress(id, name, progress);
    }
    if (message.log && this.#owns(member, message.log.id)) this.#log(message.log);
    if (message.started && this.#owns(member, message.started.id)) {
      listener.started(message.started.id, name, message.started.at);
    }
    if (message.result && this.#owns(member, message.result.id)) {
      await this.#deps.tasks.ended(member, message.sequence, message.result);
    }
    if (message.facts) await this.#newFacts(member, message.facts.facts);
    if (message.nodeEvent) {
      const number = { incarnation: member.life?.incarnation ?? '', sequence: message.sequence };
      await this.#deps.events.seen(this.#deps.enrolment.own(this.#peer), message.nodeEvent, number);
    }
  }

  /** An agent speaks of its own tasks only. One that ended a moment ago may still come again. */
  #owns(member: Member, id: string): boolean {
    if (member.tasks.has(id)) return true;
    if (!member.ended.has(id)) {
      this.#deps.log.warn(
        { agent: member.name, task: id.slice(0, 80) },
        'the agent spoke of a task that is not its own',
      );
    }
    return false;
  }

  /** Each byte once: what is known is skipped, a hole is asked for again. */
  #log({ id, offset, text }: TaskLog__Output): void {
    const listener = this.#deps.listener();
    const have = listener.logOffset(id);
    if (offset > have) {
      if (this.#holes.get(id) === have) return;
      this.#holes.set(id, have);
      const again = { managerVersion: this.#deps.version, logOffsets: { [id]: have } };
      this.#session.welcomeAgain(again).catch(() => undefined);
      return;
    }
    this.#holes.delete(id);
    if (offset + text.length > have) listener.log(id, have, text.subarray(have - offset));
  }

  async #newFacts(member: Member, facts: string): Promise<void> {
    if (member.life === undefined) return;
    member.life = { ...member.life, facts: checkedFacts(facts), lastSeen: this.#deps.now() };
    await this.#deps.space.write([records.life(member.name, member.life)]);
    this.#deps.roster.publish(member.name);
  }

  #keep(sequence: number): Promise<void> {
    const member = this.#member;
    if (member?.life === undefined) return Promise.resolve();
    const kept = this.#store(member, member.life.incarnation, sequence);
    member.keeping = kept.catch(() => undefined);
    return kept;
  }

  async #store(member: Member, incarnation: string, sequence: number): Promise<void> {
    const ended = [...member.ended].filter(([, number]) => number <= sequence).map(([id]) => id);
    await this.#deps.space.write([
      records.applied(member.name, { incarnation, sequence }),
      ...ended.map((id) => records.task(member.name, id, null)),
    ]);
    member.applied = Math.max(member.applied, sequence);
    for (const id of ended) member.ended.delete(id);
  }
}

function checkedFacts(facts: string): string {
  if (facts.length > longestFacts) {
    throw new HostlerError('invalid_argument', `The agent's facts are longer than ${longestFacts} characters.`);
  }
  // What cannot be read as facts is not kept for others to stumble over.
  return readFacts(facts).arch === undefined ? '' : facts;
}
