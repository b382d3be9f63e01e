import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { Identity } from '../../agent/identity/identity-files.ts';
import { grpcCarrier } from '../../agent/link/grpc.ts';
import { type Carrier, openLink } from '../../agent/link/link.ts';
import type { AgentLink } from '../../agent/link/types.ts';
import { lifeOf } from './enrol-many.ts';
import { MemoryOutbox } from './memory-outbox.ts';
import { Turnstile } from './turnstile.ts';

export interface SwarmOptions {
  /** `HOST:PORT` or `unix:PATH` of a manager. */
  readonly manager: string;
  readonly identities: readonly Identity[];
  /** Absent: gRPC. */
  readonly carrier?: (identity: Identity) => Carrier;
  /** Kinds of tasks they say they can do; each task is done at once with an empty result. Default: `sim` version 1. */
  readonly taskKinds?: Readonly<Record<string, number>>;
  readonly arch?: string;
}

/** Many agents in one process: real certificates, real mutual TLS, the real protocol; tasks are done in no time. */
export interface Swarm {
  connected(): number;
  /** Tasks begun since the start. */
  begun(): number;
  /** Refusals and broken links since the start. */
  troubles(): number;
  /** So many reports of consequence, spread over the agents; resolves when the manager has acknowledged all. */
  report(count: number, signal: AbortSignal): Promise<void>;
  stop(): Promise<void>;
}

/** So many begin to connect at a time: this process has to make all their handshakes. */
const rampBy = 100;
/** And the next lot does not wait longer than this for the one before, in milliseconds. */
const rampWait = 5_000;

/** So many dial at a time later on, when all of them lost their manager. */
const dialling = 64;

/** Resolves when all have begun to connect. */
export async function startSwarm(options: SwarmOptions): Promise<Swarm> {
  const counts = { begun: 0, troubles: 0 };
  const links: AgentLink[] = [];
  // What an earlier swarm had not told is gone with it: these agents begin a new life.
  const life = Date.now().toString(36);
  const turnstile = new Turnstile(dialling);
  const connected = (): number => links.filter((link) => link.connected).length;
  for (let at = 0; at < options.identities.length; at += rampBy) {
    for (const identity of options.identities.slice(at, at + rampBy))
      links.push(openOne(identity, life, options, counts, turnstile));
    const late = Date.now() + rampWait;
    while (connected() < links.length - rampBy / 4 && Date.now() < late) await delay(20);
  }
  return {
    connected,
    begun: () => counts.begun,
    troubles: () => counts.troubles,
    async report(count, signal) {
      setMaxListeners(0, signal);
      for (let number = 0; number < count; number++) {
        const nodeEvent = { node: 'none', stage: 'dhcp', at: number, mac: '', bootId: '', detail: '' };
        await links[number % links.length]?.report({ nodeEvent });
      }
      await Promise.all(links.map((link) => link.drained(signal)));
    },
    stop: async () => {
      await Promise.all(links.map((link) => link.stop()));
    },
  };
}

function openOne(
  identity: Identity,
  life: string,
  options: SwarmOptions,
  counts: { begun: number; troubles: number },
  turnstile: Turnstile,
): AgentLink {
  const { name } = identity;
  const seen = new Set<string>();
  const open = new Map<string, number>();
  const facts = JSON.stringify({
    hostname: name,
    arch: options.arch ?? 'x86_64',
    bootId: name,
    emulates: [],
    tools: {},
  });
  const link: AgentLink = openLink({
    carrier: turnstile.through(options.carrier?.(identity) ?? grpcCarrier(options.manager, () => identity)),
    outbox: new MemoryOutbox(),
    hello: () => ({
      version: '0.0.0-sim',
      incarnation: `${lifeOf(name)}-${life}`,
      taskKinds: { ...(options.taskKinds ?? { sim: 1 }) },
      roles: [],
      openTasks: [...open.keys()].map((id) => ({ id, state: 'finished' })),
      facts,
      once: false,
    }),
    listener: {
      task: async ({ id = '' }) => {
        if (seen.has(id)) return;
        seen.add(id);
        counts.begun++;
        const at = Date.now();
        open.set(id, await link.report({ result: { id, outcome: 'done', result: '{}', startedAt: at, endedAt: at } }));
      },
      cancel: () => undefined,
      dismiss: () => undefined,
      welcome: () => undefined,
      acknowledged: (sequence) => {
        for (const [id, number] of open) if (number <= sequence) open.delete(id);
      },
    },
    log: { info: () => undefined, warn: () => counts.troubles++ },
  });
  return link;
}
