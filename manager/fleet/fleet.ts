import { join } from 'node:path';
import { HostlerError } from '../../shared/errors/error.ts';
import type { AgentIdentity } from '../../shared/identity/names.ts';
import { Refused } from '../../shared/session/agent-session.ts';
import type { Channel } from '../../shared/session/channels.ts';
import type { Duplex } from '../../shared/session/duplex.ts';
import type { ProtocolRange } from '../../shared/session/protocol.ts';
import type { FromAgent__Output } from '../../shared/wire/generated/hostler/v1/FromAgent.ts';
import type { ToAgent } from '../../shared/wire/generated/hostler/v1/ToAgent.ts';
import type { KeptReports__Output } from '../../shared/wire/generated/hostler/v1/KeptReports.ts';
import type { Registry } from '../registry/types.ts';
import { Admission } from './admission.ts';
import { Authority, type Lifetimes, defaultLifetimes } from './authority/authority.ts';
import type { EnrolmentBroker } from './authority/broker-access.ts';
import { Enrolment } from './authority/enrolment.ts';
import type { FleetLog } from './log.ts';
import type { Member } from './member.ts';
import { NodeEvents, type Stranger } from './node-events.ts';
import { placeTask } from './placement.ts';
import { Presence } from './presence.ts';
import type { AgentRecord } from './records.ts';
import { Roster } from './roster.ts';
import { Sessions } from './sessions.ts';
import { type FleetState, loadFleet, records } from './store.ts';
import { TaskBook } from './task-book.ts';
import type { AgentArrival, Fleet, FleetAdmin, TaskListener } from './types.ts';

/** New links a second, and how many may come in one go. */
const newcomersPerSecond = 500;
const newcomersAtOnce = 2_500;

export interface FleetDeps {
  readonly registry: Pick<Registry, 'commit' | 'space' | 'view' | 'observe'>;
  /** The manager's home; the authority lives in `<home>/authority`. */
  readonly home: string;
  readonly log: FleetLog;
  /** The manager's version. */
  readonly version: string;
  readonly now?: () => number;
  readonly lifetimes?: Lifetimes;
  readonly speaks?: ProtocolRange;
  /** Milliseconds between heartbeats while the fleet is small. */
  readonly shortestHeartbeat?: number;
  /** The link over NATS; absent: agents get no credentials for it. */
  readonly broker?: EnrolmentBroker;
}

/** The fleet as the composition root sees it; the engine gets `Fleet`, the API `FleetAdmin`. */
export interface FleetRoom extends Fleet {
  readonly admin: FleetAdmin;
  readonly authority: Authority;
  readonly enrolment: Enrolment;
  /** Serves one connection, whatever carries it, until it ends. TLS has checked the peer's chain. Never rejects. */
  serve(duplex: Duplex<FromAgent__Output, ToAgent>, peer: AgentIdentity, link: string): Promise<void>;
  /**
   * Applies reports of an agent that were laid down somewhere while the manager was away; durable when it resolves with
   * true. False: the agent is here and is about to send them itself. Throws `unauthenticated` for a certificate of before.
   */
  kept(peer: AgentIdentity, reports: KeptReports__Output): Promise<boolean>;
  /** Opens a byte stream to a connected agent; throws `unavailable` when it is not. */
  openChannel(agent: string, id: string): Channel;
  /** Told of channels that agents open. */
  onChannel(handler: (agent: string, channel: Channel) => void): void;
  /** Machines that asked to boot and are no nodes, the newest last. */
  strangers(): Stranger[];
  /** Says goodbye to all agents. The listener is closed before. */
  close(): Promise<void>;
}

export async function createFleet(deps: FleetDeps): Promise<FleetRoom> {
  const now = deps.now ?? Date.now;
  const space = deps.registry.space('fleet');
  const state = await loadFleet(space);
  const authority = await Authority.open(join(deps.home, 'authority'), now, deps.lifetimes ?? defaultLifetimes);
  return new TheFleet(deps, state, authority, now);
}

class TheFleet implements FleetRoom {
  readonly admin: FleetAdmin;
  readonly authority: Authority;
  readonly enrolment: Enrolment;
  readonly #deps: FleetDeps;
  readonly #state: FleetState;
  readonly #now: () => number;
  readonly #roster: Roster;
  readonly #tasks: TaskBook;
  readonly #events: NodeEvents;
  readonly #presence: Presence;
  readonly #sessions: Sessions;
  readonly #serving = new Set<Promise<void>>();
  #listener: TaskListener | undefined;
  #arrived: ((arrival: AgentArrival) => Promise<void>) | undefined;
  #channel: ((agent: string, channel: Channel) => void) | undefined;

  constructor(deps: FleetDeps, state: FleetState, authority: Authority, now: () => number) {
    const { registry, log } = deps;
    const space = registry.space('fleet');
    const listener = (): TaskListener => this.#engine();
    this.#deps = deps;
    this.#state = state;
    this.#now = now;
    this.authority = authority;
    this.#roster = new Roster(state, registry, now);
    this.#events = new NodeEvents(registry, log, now);
    this.#tasks = new TaskBook({ space, listener, log, now });
    this.#presence = new Presence(
      this.#roster,
      space,
      log,
      now,
      (member) => this.#expired(member),
      deps.shortestHeartbeat,
    );
    this.enrolment = new Enrolment({
      authority,
      state,
      space,
      view: registry.view,
      now,
      changed: (record) => this.#enrolmentChanged(record),
      ...(deps.broker === undefined ? {} : { broker: deps.broker }),
      intruder: (node, message) => {
        log.warn({ node }, message);
        this.#events.observe(node, { stage: 'refused', at: now(), bootId: '', detail: message });
      },
    });
    this.#sessions = new Sessions({
      enrolment: this.enrolment,
      roster: this.#roster,
      tasks: this.#tasks,
      events: this.#events,
      presence: this.#presence,
      admission: new Admission(newcomersPerSecond, newcomersAtOnce, now),
      space,
      listener,
      arrived: async (arrival) => this.#arrived?.(arrival),
      channel: (agent, channel) => this.#channelOpened(agent, channel),
      version: deps.version,
      log,
      now,
      ...(deps.speaks === undefined ? {} : { speaks: deps.speaks }),
    });
    this.admin = this.#makeAdmin();
  }

  listen(listener: TaskListener, arrived: (arrival: AgentArrival) => Promise<void>): void {
    this.#listener = listener;
    this.#arrived = arrived;
  }

  onChannel(handler: (agent: string, channel: Channel) => void): void {
    this.#channel = handler;
  }

  place: Fleet['place'] = (requirement, kind) => placeTask(requirement, kind, this.#roster.candidates());

  send: Fleet['send'] = (agent, incarnation, task) => {
    const member = this.#roster.get(agent);
    if (member !== undefined && this.#state.agents.get(agent)?.standing === 'admitted') {
      this.#tasks.give(member, incarnation, task);
      return;
    }
    this.#inBackground(this.#engine().lost(task.id, agent, `There is no agent '${agent}' any more.`));
  };

  cancel: Fleet['cancel'] = (agent, taskId, reason) => {
    const member = this.#roster.get(agent);
    if (member !== undefined) this.#tasks.cancel(member, taskId, reason);
  };

  dismiss: Fleet['dismiss'] = (agent, reason) => {
    const member = this.#roster.get(agent);
    if (member?.life === undefined || member.life.dismissed !== undefined) return;
    member.life = { ...member.life, dismissed: reason };
    this.#inBackground(this.#deps.registry.space('fleet').write([records.life(agent, member.life)]));
    member.session?.post({ dismiss: { reason } }).catch(() => undefined);
  };

  serve: FleetRoom['serve'] = async (duplex, peer, link) => {
    const serving = this.#sessions.serve(duplex, peer, link);
    this.#serving.add(serving);
    await serving;
    this.#serving.delete(serving);
  };

  kept: FleetRoom['kept'] = (peer, reports) => this.#sessions.kept(peer, reports);

  openChannel: FleetRoom['openChannel'] = (agent, id) => {
    const session = this.#roster.get(agent)?.session;
    if (session === undefined) throw new HostlerError('unavailable', `The agent '${agent}' is not connected.`);
    return session.openChannel(id);
  };

  strangers(): Stranger[] {
    return this.#events.strangers();
  }

  async close(): Promise<void> {
    this.#presence.stop();
    const goodbye = new Refused('unavailable', 'The manager is stopping.', 1);
    await Promise.all([...this.#roster.all()].map(async ({ session }) => session?.refuse(goodbye)));
    await Promise.all(this.#serving);
  }

  #engine(): TaskListener {
    if (this.#listener === undefined) {
      throw new HostlerError('unavailable', 'The manager is starting; its jobs engine does not listen yet.');
    }
    return this.#listener;
  }

  #channelOpened(agent: string, channel: Channel): void {
    if (this.#channel !== undefined) this.#channel(agent, channel);
    else channel.fail(new HostlerError('unimplemented', 'Nobody here takes this channel.'));
  }

  #expired(member: Member): boolean {
    const used = this.#state.agents.get(member.name)?.certificates.find(({ serial }) => serial === member.serial);
    return used !== undefined && used.expiresAt <= this.#now();
  }

  /** What an agent may no longer do ends now. */
  async #enrolmentChanged(record: AgentRecord): Promise<void> {
    const member = this.#roster.of(record.name);
    const { standing, kind, roles, certificates } = record;
    this.#deps.log.info({ agent: record.name, standing, kind, roles, serial: certificates[0]?.serial }, 'enrolment');
    const { session } = member;
    if (session !== undefined && !certificates.some(({ serial }) => serial === member.serial)) {
      const message = `The certificate of '${record.name}' was revoked or replaced by a newer one.`;
      void session.refuse(new Refused('unauthenticated', message, 0));
      if (member.session === session) member.session = undefined;
    }
    if (standing === 'revoked') {
      member.expectedUntil = 0;
      await this.#tasks.lose(member, undefined, `The agent '${record.name}' was revoked.`);
    }
    this.#roster.publish(record.name);
  }

  #makeAdmin(): FleetAdmin {
    const roster = this.#roster;
    const { enrolment } = this;
    return {
      agents: () => roster.summaries(),
      createToken: (request) => enrolment.createToken(request),
      approve: async (name) => roster.summary((await enrolment.approve(name)).name),
      revoke: async (name) => roster.summary((await enrolment.revoke(name)).name),
      authority: this.authority.fingerprint,
      connected: () => roster.connected(),
    };
  }

  #inBackground(work: Promise<void>): void {
    work.catch((thrown: unknown) => this.#deps.log.error({ err: thrown }, 'the fleet could not keep something'));
  }
}
