import { mkdir, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { uptime } from 'node:os';
import { join } from 'node:path';
import { HostlerError } from '../shared/errors/error.ts';
import type { Logger } from '../shared/log/log.ts';
import { programVersion } from '../shared/text/version.ts';
import { collectFacts } from './facts/facts.ts';
import type { BootRecord } from './facts/image.ts';
import { bootIdOf } from './facts/system.ts';
import type { Identity } from './identity/identity-files.ts';
import { type LinkChoice, chosenCarrier } from './link/choose.ts';
import { openLink } from './link/link.ts';
import { Outbox } from './link/outbox.ts';
import type { AgentLink, HelloFacts } from './link/types.ts';
import { say } from './log.ts';
import { startServices } from './services/index.ts';
import { relayOf } from './services/relay/index.ts';
import { relayPlace } from './services/relay/place.ts';
import type { Address } from './store/server.ts';
import { isLock, tryLock } from './services/lock.ts';
import { readIncarnation } from './spool/incarnation.ts';
import type { Incarnation } from './spool/incarnation.ts';
import { Spool } from './spool/spool.ts';
import type { TaskKind } from './tasks/types.ts';

/** Who this agent is, from the moment it has its certificate. */
export interface Enrolled {
  readonly name: string;
  /** Granted by the certificate. */
  readonly roles: readonly string[];
  /** The newest certificate. */
  readonly identity: () => Identity;
  /** HOST:PORT or unix:PATH */
  readonly manager: string;
  /** Which link was asked for. */
  readonly choice: LinkChoice;
  /** A new certificate and credential are wanted before their time. */
  renewSoon(): void;
  /** Called after each renewal; returns what ends that. */
  onRenewed(listener: () => void): () => void;
  stop(): Promise<void>;
}

export interface AgentOptions {
  readonly home: string;
  readonly installDir: string;
  readonly tftpDir: string;
  /** Roles it was told to offer; undefined: all that the certificate grants. */
  readonly roles: readonly string[] | undefined;
  readonly once: boolean;
  readonly serve: readonly Address[];
  /** With the role relay: where agents behind this one connect. */
  readonly relay?: readonly Address[];
  /** A machine that booted, which nobody told where: the MAC of its own card (services/relay/place.ts). */
  readonly card?: () => string;
  /** A netbooted node: what the initrd left. */
  readonly booted?: BootRecord | undefined;
  readonly kinds: readonly TaskKind[];
  readonly log: Logger;
  readonly signal: AbortSignal;
  enrol(incarnation: Incarnation): Promise<Enrolled>;
}

/** Exit code when the manager will never serve this agent again: starting it once more is of no use. */
const refusedExit = 3;
/** How long the last results may take to reach the manager once it let the agent go. */
const farewellMs = 3_600_000;
/** Between the polite and the forced stop of a task. */
const graceMs = 20_000;
/** How often it is looked whether the store answers elsewhere. */
const lookEveryMs = 2_000;

/**
 * The agent's life: from the lock on its home to the end, which is the signal, a refusal for ever, or (`once`) the
 * manager's leave. Tasks outlive it. Resolves with the exit code.
 */
export async function runAgent(options: AgentOptions): Promise<number> {
  await mkdir(options.home, { recursive: true, mode: 0o700 });
  const lock = await tryLock(join(options.home, 'agent.lock'), 'hostler-agent');
  if (!isLock(lock)) {
    const who = `${lock.who}, process ${lock.pid}`;
    throw new HostlerError(
      'already_exists',
      `${options.home} is in use by another agent (${who}). Stop that one first.`,
    );
  }
  try {
    const incarnation = await readIncarnation(options.home, bootIdOf());
    const enrolled = await options.enrol(incarnation);
    try {
      return await linked(options, incarnation, enrolled);
    } finally {
      await enrolled.stop();
    }
  } finally {
    await lock.release();
  }
}

async function linked(options: AgentOptions, incarnation: Incarnation, enrolled: Enrolled): Promise<number> {
  const { home, installDir, tftpDir, kinds, log } = options;
  const { identity, name } = enrolled;
  const roles = enrolled.roles.filter((role) => options.roles?.includes(role) ?? true);
  const program = { argv: ownProgram(), graceMs };
  const spool = await Spool.open({
    home,
    installDir,
    tftpDir,
    incarnation: incarnation.id,
    kinds,
    roles,
    program,
    log,
    ...(options.booted !== undefined && { say }),
  });
  const outbox = await Outbox.open(join(home, 'outbox'), incarnation.id, { odd: (message) => log.warn({}, message) });
  spool.wereReported(await resultsIn(outbox));
  const end = new End(options);
  let served: () => readonly string[] = () => [];
  const card = roles.includes('relay') ? options.card?.() : undefined;
  const place = card === undefined ? undefined : relayPlace(enrolled.manager, card, () => served());
  const { at, ...only } = place ?? { at: options.relay ?? [] };
  const relay = await relayOf({ ...enrolled, home, roles, at, ...only, log });
  // Before the link, so that the first hello says where the store answers.
  const services = await startServices({
    home,
    installDir,
    tftpDir,
    name,
    roles,
    identity,
    serve: options.serve,
    relay: roles.includes('relay') ? at : [],
    report: (nodeEvent) => {
      outbox
        .add({ body: 'nodeEvent', nodeEvent })
        .catch((err: unknown) => log.warn({ err }, 'cannot report a node event'));
    },
    log: (line) => log.info({}, line),
  });
  served = () => services.bootAddresses();
  const store = (): readonly string[] => services.storeEndpoints();
  let storeTold = '';
  const facts = async (): Promise<string> => {
    const endpoints = store();
    storeTold = endpoints.join(' ');
    const answers = endpoints.length > 0 && { store: endpoints };
    return JSON.stringify(await collectFacts({ home, tools: options.booted === undefined, ...answers }));
  };
  const unsubscribe = enrolled.onRenewed(() => services.renewed());
  // Asking the tools for their versions takes seconds the first time, and the manager waits for a hello only so long.
  await facts();
  const link: AgentLink = openLink({
    carrier: chosenCarrier({ ...enrolled, stale: () => enrolled.renewSoon() }),
    outbox,
    hello: async (): Promise<HelloFacts> => ({
      version: programVersion(),
      incarnation: incarnation.id,
      taskKinds: Object.fromEntries(kinds.map(({ kind, version }) => [kind, version])),
      roles,
      openTasks: spool.openTasks(),
      facts: await facts(),
      once: options.once,
    }),
    log,
    listener: {
      task: (task) => spool.task(task),
      cancel: (id, reason) => spool.cancel(id, reason),
      acknowledged: (sequence) => spool.acknowledged(sequence),
      welcome: (offsets) => {
        spool.welcome(offsets);
        relay.reached();
        registered(options, name, link);
      },
      dismiss: (reason) => end.dismissed(reason),
      refused: ({ message, retryAfter }) => {
        say(message);
        if (retryAfter === 0) end.now(refusedExit);
      },
    },
  });
  // A boot configuration opens other addresses: the manager hears of them without a new hello.
  const watch = setInterval(() => {
    if (!link.connected || store().join(' ') === storeTold) return;
    void facts().then((json) => link.tell({ body: 'facts', facts: { facts: json } }));
  }, lookEveryMs);
  try {
    spool.start(link);
    const code = await end.comes;
    if (end.isDismissed) await farewell(spool, link, options.signal);
    return code;
  } finally {
    clearInterval(watch);
    unsubscribe();
    await relay.close();
    await services.stop();
    await spool.stop();
    await link.stop();
  }
}

/** Results that wait in the outbox or were just sent: their numbers, by task. */
async function resultsIn(outbox: Outbox): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for (let at = outbox.first - 1; at < outbox.last;) {
    const messages = await outbox.after(at);
    for (const { sequence, body } of messages) if (body.result?.id) found.set(body.result.id, sequence);
    at = messages.at(-1)?.sequence ?? outbox.last;
  }
  return found;
}

/** What makes the agent leave. */
class End {
  readonly comes: Promise<number>;
  isDismissed = false;
  readonly #once: boolean;
  readonly #log: Logger;
  #resolve: (code: number) => void = () => {};

  constructor({ once, log, signal }: AgentOptions) {
    this.#once = once;
    this.#log = log;
    this.comes = new Promise((resolve) => (this.#resolve = resolve));
    signal.addEventListener('abort', () => this.now(0), { once: true });
    if (signal.aborted) this.now(0);
  }

  now(code: number): void {
    this.#resolve(code);
  }

  dismissed(reason: string): void {
    this.#log.info({ reason, once: this.#once }, 'the manager lets this agent go');
    if (!this.#once || this.isDismissed) return;
    this.isDismissed = true;
    say(reason === '' ? 'done' : `done: ${reason}`);
    this.now(0);
  }
}

/** Everything is told and acknowledged before the agent goes; a stop from outside ends the wait. */
async function farewell(spool: Spool, link: AgentLink, signal: AbortSignal): Promise<void> {
  const stop = new AbortController();
  const bound = setTimeout(
    () => stop.abort(new HostlerError('deadline_exceeded', 'the manager does not take the last results')),
    farewellMs,
  );
  signal.addEventListener('abort', () => stop.abort(signal.reason), { once: true });
  try {
    await spool.settled(stop.signal);
    await link.drained(stop.signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    clearTimeout(bound);
  }
}

/** After the first welcome of a boot: says so on the console and, of a netbooted node, to the manager. */
function registered(options: AgentOptions, name: string, link: AgentLink): void {
  const mark = join(options.home, 'registered');
  if (existsSync(mark)) return;
  say(`registered as ${name}`);
  const { booted, log } = options;
  const tell = async (): Promise<void> => {
    if (booted !== undefined) {
      const event = { node: name, mac: booted.mac, bootId: bootIdOf(), detail: '' };
      const { switched } = booted.stages;
      const bootedAt = Date.now() - uptime() * 1_000;
      const at = switched === undefined ? Date.now() : Math.round(bootedAt + switched * 1_000);
      await link.report({
        body: 'nodeEvent',
        nodeEvent: { ...event, stage: 'switched', at, detail: `image ${booted.digest}` },
      });
      await link.report({ body: 'nodeEvent', nodeEvent: { ...event, stage: 'registered', at: Date.now() } });
    }
    await writeFile(mark, `${name}\n`, { mode: 0o600 });
  };
  tell().catch((error: unknown) => log.warn({ err: error }, 'cannot report that this node is registered'));
}

/** Program and arguments that start this very program again. */
function ownProgram(): string[] {
  const [, script = ''] = process.argv;
  return [process.execPath, ...process.execArgv, script];
}
