import { HostlerError } from '../../shared/errors/error.ts';
import type { AgentSummary } from '../../shared/wire/generated/hostler/v1/AgentSummary.ts';
import type { Registry } from '../registry/types.ts';
import { Member, candidateOf, rowOf, summaryOf } from './member.ts';
import type { Candidate } from './placement.ts';
import type { FleetState } from './store.ts';
import { Wave } from './wave.ts';

/** All agents that were ever enrolled, with what is known of them; and what the registry shows of it. */
export class Roster {
  readonly #members = new Map<string, Member>();
  readonly #state: FleetState;
  readonly #registry: Pick<Registry, 'observe'>;
  readonly #now: () => number;
  /** What was published last, so that only changes are. */
  readonly #published = new Map<string, string>();
  /** Those who were connected when the manager ended; undefined: nobody was. */
  readonly restart: Wave | undefined;

  constructor(state: FleetState, registry: Pick<Registry, 'observe'>, now: () => number) {
    this.#state = state;
    this.#registry = registry;
    this.#now = now;
    const restart = new Wave(now(), 0);
    for (const name of state.agents.keys()) {
      const member = this.#create(name);
      if (member.life?.connected === true) {
        member.broke = { at: now(), wave: restart };
        member.expectedUntil = restart.expectedUntil(now());
        this.restart = restart;
      }
      this.publish(name);
    }
  }

  #create(name: string): Member {
    const life = this.#state.lives.get(name);
    const applied = this.#state.applied.get(name);
    const mark = applied !== undefined && applied.incarnation === life?.incarnation ? applied.sequence : 0;
    const member = new Member(name, life, mark);
    for (const [id, record] of this.#state.tasks.get(name) ?? []) member.tasks.set(id, { record, stored: true });
    // From here on the member has them; nobody reads the maps again.
    this.#state.lives.delete(name);
    this.#state.applied.delete(name);
    this.#state.tasks.delete(name);
    this.#members.set(name, member);
    return member;
  }

  get(name: string): Member | undefined {
    return this.#members.get(name);
  }

  /** The member of an enrolled agent, made when it is new. */
  of(name: string): Member {
    return this.#members.get(name) ?? this.#create(name);
  }

  all(): Iterable<Member> {
    return this.#members.values();
  }

  connected(): number {
    let count = 0;
    for (const member of this.#members.values()) if (member.session !== undefined) count++;
    return count;
  }

  /** Those who are connected, or expected to be in a moment. */
  present(): number {
    const now = this.#now();
    let count = 0;
    for (const member of this.#members.values()) if (member.present(now)) count++;
    return count;
  }

  candidates(): Candidate[] {
    const now = this.#now();
    const found: Candidate[] = [];
    for (const member of this.#members.values()) {
      const record = this.#state.agents.get(member.name);
      if (record?.standing === 'admitted') found.push(candidateOf(member, record, now));
    }
    return found;
  }

  summaries(): AgentSummary[] {
    const names = [...this.#state.agents.keys()].sort();
    return names.map((name) => this.summary(name));
  }

  summary(name: string): AgentSummary {
    const record = this.#state.agents.get(name);
    if (record === undefined) throw new HostlerError('not_found', `There is no agent '${name}'.`);
    return summaryOf(this.of(name), record, this.#now());
  }

  /** Brings the registry's row up to date. */
  publish(name: string): void {
    const record = this.#state.agents.get(name);
    if (record === undefined) return;
    const row = rowOf(this.of(name), record, this.#now());
    const text = JSON.stringify(row);
    if (this.#published.get(name) === text) return;
    this.#published.set(name, text);
    this.#registry.observe('agent', name, row);
  }
}
