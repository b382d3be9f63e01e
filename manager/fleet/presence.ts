import { Refused } from '../../shared/session/agent-session.ts';
import { silenceAllowed } from '../../shared/session/limits.ts';
import type { ManagerSession } from '../../shared/session/manager-session.ts';
import type { KeySpace } from '../registry/types.ts';
import type { FleetLog } from './log.ts';
import type { Member } from './member.ts';
import { heartbeatEvery, paceDiffers } from './pace.ts';
import type { Roster } from './roster.ts';
import { records } from './store.ts';
import { Wave } from './wave.ts';

/** How often all agents are looked at, in milliseconds. */
const round = 1_000;

/** Who is connected, by links and heartbeats. One timer for the whole fleet. */
export class Presence {
  readonly #roster: Roster;
  readonly #space: KeySpace;
  readonly #log: FleetLog;
  readonly #now: () => number;
  readonly #expired: (member: Member) => boolean;
  readonly #shortest: number | undefined;
  readonly #timer: NodeJS.Timeout;
  /** The connections that broke last, all about the same time. */
  #wave: Wave;
  /** When the round before was (monotonic), to know of time that this process did not have. */
  #looked = performance.now();
  /** How many are connected or expected back, as of the last round: they share the budget for heartbeats. */
  #crowd: number;

  /** `expired`: the certificate that the member's connection was opened with has run out since. */
  constructor(
    roster: Roster,
    space: KeySpace,
    log: FleetLog,
    now: () => number,
    expired: (member: Member) => boolean,
    shortestHeartbeat?: number,
  ) {
    this.#shortest = shortestHeartbeat;
    this.#expired = expired;
    this.#roster = roster;
    this.#wave = roster.restart ?? new Wave(0, 1);
    this.#space = space;
    this.#log = log;
    this.#now = now;
    this.#crowd = roster.present();
    this.#timer = setInterval(() => this.look(), Math.min(round, shortestHeartbeat ?? round));
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Milliseconds between heartbeats, for a newcomer. */
  pace(): number {
    return heartbeatEvery(this.#crowd + 1, this.#shortest);
  }

  came(member: Member, session: ManagerSession, serial: string): void {
    member.session = session;
    member.serial = serial;
    member.lastSeen = this.#now();
    member.expectedUntil = 0;
    member.broke?.wave.cameBack(member.lastSeen);
    member.broke = undefined;
    member.paceTold = this.pace();
    this.#log.info({ agent: member.name, incarnation: member.life?.incarnation }, 'agent connected');
    this.#roster.publish(member.name);
  }

  /** `broke`: it did not say goodbye, so it may be back in a moment. */
  left(member: Member, broke: boolean): void {
    member.session = undefined;
    member.expectedUntil = 0;
    if (!broke) {
      this.#away(member);
      return;
    }
    const now = this.#now();
    this.#wave = this.#wave.broke(now, this.#crowd);
    member.broke = { at: now, wave: this.#wave };
    member.expectedUntil = this.#wave.expectedUntil(now);
  }

  /** One round over all agents. */
  look(): void {
    const now = this.#now();
    // While this process had no time, what agents said waited to be read: they were not silent.
    const late = performance.now() - this.#looked - round;
    this.#looked = performance.now();
    this.#crowd = this.#roster.present();
    const every = heartbeatEvery(this.#crowd, this.#shortest);
    for (const member of this.#roster.all()) {
      const { session } = member;
      if (session !== undefined) {
        if (late > round) member.lastSeen += late;
        if (this.#expired(member)) {
          void session.refuse(new Refused('unauthenticated', 'The certificate of this connection has expired.', 1));
        } else if (now - member.lastSeen > silenceAllowed(Math.max(every, member.paceTold))) {
          this.#silent(member, session);
        } else if (paceDiffers(member.paceTold, every)) {
          member.paceTold = every;
          session.send({ pace: { heartbeatEvery: every } }).catch(() => undefined);
        }
      } else if (member.expectedUntil !== 0 && member.expectedUntil <= now) {
        // Meanwhile it is known how many broke along with it, and whether they come back.
        member.expectedUntil = member.broke?.wave.expectedUntil(member.broke.at) ?? 0;
        if (member.expectedUntil > now) continue;
        member.expectedUntil = 0;
        this.#away(member);
      }
    }
  }

  #silent(member: Member, session: ManagerSession): void {
    const seconds = Math.round((this.#now() - member.lastSeen) / 1000);
    void session.refuse(new Refused('unavailable', `Nothing was heard of this agent for ${seconds} s.`, 1));
    member.session = undefined;
    this.#away(member);
  }

  #away(member: Member): void {
    this.#log.info({ agent: member.name }, 'agent away');
    this.#roster.publish(member.name);
    if (member.life === undefined) return;
    member.life = { ...member.life, connected: false, lastSeen: member.lastSeen };
    this.#space.write([records.life(member.name, member.life)]).catch((thrown: unknown) => {
      this.#log.error({ err: thrown, agent: member.name }, 'cannot note that the agent is away');
    });
  }
}
