import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { credentialsText } from '../../../shared/broker/credentials.ts';
import { Broker } from '../../../shared/broker/server.ts';
import { HostlerError } from '../../../shared/errors/error.ts';
import { replaceFile } from '../../../shared/files/durable.ts';
import { leafDomain } from '../../../shared/identity/subjects.ts';
import type { Identity } from '../../identity/identity-files.ts';
import type { Address } from '../../store/server.ts';
import { type Relay, openRelay } from './door.ts';

/** What reports of agents behind it may take of the disk, in bytes. The manager's stream takes half of that. */
const mostBytes = 2 * 1024 * 1024 * 1024;

/** Until a leaf node that could not be started is tried again, in milliseconds. */
const againAfter = 30_000;

export interface LeafDeps {
  /** Everything of it lies here; 0700. */
  readonly folder: string;
  /** Where agents behind the relay connect. */
  readonly listen: Address;
  /** Where leaf nodes reach the manager's broker, HOST:PORT each; possibly by another relay. */
  readonly brokers: readonly string[];
  readonly identity: () => Identity;
  readonly log: {
    info(fields: object, line: string): void;
    warn(fields: object, line: string): void;
    error(fields: object, line: string): void;
  };
}

export interface Leaf {
  /** There is a new certificate or credential. */
  renewed(): void;
  /** The process id of its nats-server; 0 while there is none. */
  readonly pid: number;
  close(): Promise<void>;
}

/**
 * The leaf node of a relay: a nats-server to which the agents behind connect, and nowhere else. It is joined with the
 * manager's broker while that can be reached; when it cannot, agents stay connected, and the reports that they lay down wait
 * here, on disk. Started in the background, and again when it fails.
 */
export function keepLeaf(deps: LeafDeps): Leaf {
  const { log } = deps;
  const stopping = new AbortController();
  let changed = new AbortController();
  let running: Running | undefined;
  let told = '';

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      changed = new AbortController();
      let wait: number | undefined;
      try {
        running ??= await start(deps);
        told = '';
      } catch (thrown) {
        const error = HostlerError.from(thrown);
        if (error.message !== told) log.warn({ err: error }, `no leaf node: ${error.message}`);
        told = error.message;
        wait = againAfter;
      }
      await either(wait, stopping.signal, changed.signal);
      // Whoever is connected comes back by himself, as when a broker takes a new certificate.
      await running?.stop();
      running = undefined;
    }
  }

  const ended = run();
  return {
    renewed: () => changed.abort(),
    get pid() {
      return running?.pid ?? 0;
    },
    async close() {
      stopping.abort();
      await ended;
    },
  };
}

interface Running {
  readonly pid: number;
  stop(): Promise<void>;
}

async function start({ folder, listen, brokers, identity, log }: LeafDeps): Promise<Running> {
  const { name, nats, ...tls } = identity();
  const { leaf } = nats ?? {};
  if (nats === undefined || leaf === undefined) {
    throw new HostlerError('failed_precondition', 'The manager gave this agent nothing for it. Is its version older?');
  }
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const line = await lineToBroker(folder, brokers, (text) => log.info({}, text));
  const [port = 0] = line.ports;
  try {
    const broker = await Broker.start({
      folder,
      name: `hostler-${leafDomain(name)}`,
      listen,
      domain: leafDomain(name),
      trust: leaf.trust,
      says: createHash('sha256').update(JSON.stringify(leaf.trust)).digest('hex'),
      leafRemote: { port, account: leaf.account, credentials: credentialsText(leaf.jwt, nats.key) },
      mostBytes,
      identity: async () => tls,
      log,
      advice: {
        missing:
          'so that agents behind this relay can stay connected, and their reports wait here, while the hub is away',
        taken: "The relay's leaf node takes the broker's port; let --relay name an address where it is free",
      },
    });
    return {
      get pid() {
        return broker.pid;
      },
      async stop() {
        await broker.stop();
        await line.close();
      },
    };
  } catch (thrown) {
    await line.close();
    throw thrown;
  }
}

/**
 * A port of this machine that leads to the broker's door for leaf nodes, the same after a restart: nats-server checks the
 * address that it connects to against the certificate, and the broker has one for this.
 */
async function lineToBroker(folder: string, to: readonly string[], log: (line: string) => void): Promise<Relay> {
  const file = join(folder, 'line.port');
  const before = Number(await readFile(file, 'utf8').catch(() => '0'));
  const open = (port: number): Promise<Relay> =>
    openRelay({ at: [{ host: '127.0.0.1', port }], to, speaksFirst: 'server', log });
  const line = await open(Number.isInteger(before) ? before : 0).catch(() => open(0));
  await replaceFile(file, String(line.ports[0]), 0o600);
  return line;
}

/** Until one of the signals, or, where given, so many milliseconds are over. */
function either(milliseconds: number | undefined, ...signals: readonly AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    const timer = milliseconds === undefined ? undefined : setTimeout(done, milliseconds);
    function done(): void {
      clearTimeout(timer);
      for (const signal of signals) signal.removeEventListener('abort', done);
      resolve();
    }
    for (const signal of signals) signal.addEventListener('abort', done);
    if (signals.some(({ aborted }) => aborted)) done();
  });
}
