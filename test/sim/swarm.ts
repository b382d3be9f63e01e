import { generateKeyPairSync } from 'node:crypto';
import { learnAuthority } from '../../agent/identity/authority-pin.ts';
import { askJoin, fingerprintIn } from '../../agent/identity/enrol.ts';
import { grpcCarrier } from '../../agent/link/grpc.ts';
import { openLink } from '../../agent/link/link.ts';
import type { AgentLink } from '../../agent/link/types.ts';
import type { TlsIdentity } from '../../shared/identity/tls.ts';
import { MemoryOutbox } from './memory-outbox.ts';

export interface SwarmOptions {
  /** `HOST:PORT` or `unix:PATH` of a manager. */
  readonly manager: string;
  /** A join token with as many uses as there are agents. */
  readonly token: string;
  readonly count: number;
  /** Agents are called PREFIX-0, PREFIX-1, ...; default `sim`. */
  readonly prefix?: string;
  /** Kinds of tasks they say they can do; each task is done at once with an empty result. Default: `sim` version 1. */
  readonly taskKinds?: Readonly<Record<string, number>>;
  readonly arch?: string;
}

/** Many agents in one process: real certificates, real mutual TLS, the real protocol; tasks are done in no time. */
export interface Swarm {
  readonly names: readonly string[];
  connected(): number;
  /** Tasks begun since the start. */
  begun(): number;
  stop(): Promise<void>;
}

/** How many enrol at a time. */
const together = 32;

export async function startSwarm(options: SwarmOptions): Promise<Swarm> {
  const { count, prefix = 'sim', manager, token } = options;
  const authority = await learnAuthority(manager, fingerprintIn(token), AbortSignal.timeout(20_000));
  const names = Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
  const links: AgentLink[] = [];
  let begun = 0;
  const waiting = [...names];
  const enrolSome = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const identity = await identityOf(name, options, authority);
      links.push(openOne(name, identity, options, () => begun++));
    }
  };
  await Promise.all(Array.from({ length: together }, enrolSome));
  return {
    names,
    connected: () => links.filter((link) => link.connected).length,
    begun: () => begun,
    stop: async () => {
      await Promise.all(links.map((link) => link.stop()));
    },
  };
}

async function identityOf(name: string, { manager, token }: SwarmOptions, authority: string): Promise<TlsIdentity> {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString();
  const asked = { token, name, roles: [], version: '0.0.0-sim', incarnation: `life-of-${name}` };
  const reply = await askJoin(manager, authority, asked, key, AbortSignal.timeout(60_000));
  return { key, certificate: reply.certificate, authority };
}

function openOne(name: string, identity: TlsIdentity, options: SwarmOptions, onTask: () => void): AgentLink {
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
    carrier: grpcCarrier(options.manager, () => identity),
    outbox: new MemoryOutbox(),
    hello: () => ({
      version: '0.0.0-sim',
      incarnation: `life-of-${name}`,
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
        onTask();
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
    log: { info: () => undefined, warn: () => undefined },
    pauses: [500, 5_000],
  });
  return link;
}
