import { majorOfMachine } from '../../shared/distro/major.ts';
import type { ManagerSession } from '../../shared/session/manager-session.ts';
import type { Facts } from '../../shared/task/facts.ts';
import type { AgentSummary } from '../../shared/wire/generated/hostler/v1/AgentSummary.ts';
import type { Candidate } from './placement.ts';
import type { AgentRecord, LifeRecord, TaskRecord } from './records.ts';
import type { Wave } from './wave.ts';

/** A task in the agent's hands, or on its way. */
export interface OpenTask {
  record: TaskRecord;
  /** On disk: may be sent. */
  stored: boolean;
}

/** One agent as the manager knows it now. */
export class Member {
  readonly name: string;
  life: LifeRecord | undefined;
  /** Highest number applied in the present life. */
  applied: number;
  readonly tasks = new Map<string, OpenTask>();
  session: ManagerSession | undefined;
  /** The connection that said hello last, welcomed or not; only compared. */
  newest: object | undefined;
  /** Serial of the certificate that the session was opened with. */
  serial = '';
  lastSeen: number;
  /** Without a session: until then the agent still counts as there. */
  expectedUntil = 0;
  /** When its connection broke, and with which others; until it is back. */
  broke: { readonly at: number; readonly wave: Wave } | undefined;
  paceTold = 0;
  /** The last write of how far this agent's messages were applied; the next connection waits for it. */
  keeping: Promise<void> = Promise.resolve();
  /** Tasks that ended, by the number of their result: their records go away when that number is kept. */
  readonly ended = new Map<string, number>();
  #facts: Partial<Facts> | undefined;
  #factsOf: string | undefined;

  constructor(name: string, life: LifeRecord | undefined, applied: number) {
    this.name = name;
    this.life = life;
    this.applied = applied;
    this.lastSeen = life?.lastSeen ?? 0;
  }

  present(now: number): boolean {
    return this.session !== undefined || this.expectedUntil > now;
  }

  /** The few facts that the fleet itself looks at; parsed once for each report of facts. */
  get facts(): Partial<Facts> {
    const text = this.life?.facts ?? '';
    if (this.#facts === undefined || this.#factsOf !== text) {
      this.#factsOf = text;
      this.#facts = readFacts(text);
    }
    return this.#facts;
  }
}

/** An agent may send anything: what is not shaped as it should be is left out. */
export function readFacts(text: string): Partial<Facts> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return {};
  }
  if (typeof value !== 'object' || value === null) return {};
  const { arch, emulates, store, bootId, os, nics, imageDigest } = value as Readonly<Record<string, unknown>>;
  const word = (name: string): string => {
    const value = typeof os === 'object' && os !== null ? (os as Readonly<Record<string, unknown>>)[name] : undefined;
    return typeof value === 'string' ? value : '';
  };
  return {
    arch: typeof arch === 'string' ? arch : '',
    emulates: strings(emulates),
    store: strings(store),
    bootId: typeof bootId === 'string' ? bootId : '',
    os: { id: word('id'), version: word('version'), name: word('name') },
    nics: nicsOf(nics),
    ...(typeof imageDigest === 'string' && /^[0-9a-f]{64}$/.test(imageDigest) ? { imageDigest } : {}),
  };
}

function strings(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string').slice(0, 64) : [];
}

/** Cards with addresses that a row can carry; their own addresses are nothing the fleet looks at. */
function nicsOf(value: unknown): Facts['nics'] {
  if (!Array.isArray(value)) return [];
  return (value as readonly unknown[]).slice(0, mostAddresses).flatMap((nic) => {
    const { name, addresses, mtu } = (typeof nic === 'object' ? (nic ?? {}) : {}) as Readonly<Record<string, unknown>>;
    if (typeof name !== 'string' || !/^[\w.@-]{1,15}$/.test(name)) return [];
    const usable = strings(addresses).filter((address) => /^[0-9a-fA-F.:]{2,45}\/\d{1,3}$/.test(address));
    const sensible = typeof mtu === 'number' && Number.isSafeInteger(mtu) && mtu >= leastMtu && mtu <= mostMtu;
    return [{ name, mac: '', addresses: usable, ...(sensible && { mtu }) }];
  });
}

export function candidateOf(member: Member, record: AgentRecord, now: number): Candidate {
  return {
    name: member.name,
    incarnation: member.life?.incarnation ?? '',
    roles: record.roles,
    present: record.standing === 'admitted' && member.life?.dismissed === undefined && member.present(now),
    taskKinds: member.life?.taskKinds ?? {},
    arch: member.facts.arch ?? '',
    emulates: member.facts.emulates ?? [],
    release: (member.facts.os && majorOfMachine(member.facts.os)) ?? '',
    version: member.life?.version ?? '',
    openTasks: member.tasks.size,
  };
}

/** connected, away, waiting, revoked */
export function stateOf(member: Member, record: AgentRecord, now: number): string {
  if (record.standing !== 'admitted') return record.standing;
  return member.present(now) ? 'connected' : 'away';
}

export function summaryOf(member: Member, record: AgentRecord, now: number): AgentSummary {
  return {
    name: record.name,
    roles: [...record.roles],
    state: stateOf(member, record, now),
    version: member.life?.version ?? '',
    link: member.life?.link ?? '',
    lastSeen: member.lastSeen,
    incarnation: member.life?.incarnation ?? '',
    facts: member.life?.facts ?? '',
    serial: record.certificates[0]?.serial ?? '',
    expiresAt: record.certificates[0]?.expiresAt ?? 0,
    kind: record.kind,
    relay: record.certificates[0]?.behind ?? '',
  };
}

/** What `observe('agent', ...)` is told: the registry shows it beside the definitions. */
export function rowOf(member: Member, record: AgentRecord, now: number): Readonly<Record<string, string | null>> {
  const { arch = '', store = [], nics, os, imageDigest } = member.facts;
  return {
    'agent.roles': record.roles.join(','),
    'agent.kind': record.kind,
    'agent.state': stateOf(member, record, now),
    'agent.arch': arch || null,
    'agent.os': os?.name || null,
    'agent.nets': netsOf(nics) || null,
    'agent.mtus': mtusOf(nics) || null,
    'agent.store': store.length > 0 ? store.join(',') : null,
    'agent.version': member.life?.version || null,
    'agent.image': imageDigest ?? null,
  };
}

/** More addresses than this are not looked at. */
const mostAddresses = 64;
/** What IPv4 allows, and the most that its packets can be long. */
const leastMtu = 68;
const mostMtu = 65_535;

/** Addresses with their interfaces, for verbs that need to know networks: `eth0=10.0.0.1/16 eth1=...`. */
function netsOf(nics: Facts['nics'] = []): string {
  const words = nics.flatMap(({ name, addresses }) => addresses.map((address) => `${name}=${address}`));
  return words.slice(0, mostAddresses).join(' ');
}

/** `eth0=1500 eth1=9000`, of the interfaces that have addresses. */
function mtusOf(nics: Facts['nics'] = []): string {
  const told = nics.filter(({ addresses, mtu }) => addresses.length > 0 && mtu !== undefined);
  return told.map(({ name, mtu }) => `${name}=${String(mtu)}`).join(' ');
}
