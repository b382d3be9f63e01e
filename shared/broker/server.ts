import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { HostlerError } from '../errors/error.ts';
import { replaceFile } from '../files/durable.ts';
import type { TlsIdentity } from '../identity/tls.ts';
import { isAlive, processesWith, startTimeOf } from '../process/alive.ts';
import { KeptProgram, type Started } from '../process/kept.ts';
import { installHint } from '../process/hints.ts';
import { which } from '../process/which.ts';
import { pause } from '../session/signals.ts';
import { type BrokerSettings, renderBroker } from './config.ts';

/** Milliseconds: between two starts of a broker that dies; until it must listen, and until a stray one is ended by force. */
const pauses = [500, 30_000] as const;
const patience = 15_000;
const daily = 24 * 3600_000;

export interface BrokerOptions extends Omit<BrokerSettings, 'tls' | 'store' | 'accounts' | 'leafRemote'> {
  /** Everything of the broker lies here; 0700. */
  readonly folder: string;
  /** Takes accounts that come while it runs. */
  readonly grows?: boolean;
  /** A leaf node: `credentials` is the text of the file. */
  readonly leafRemote?: NonNullable<BrokerSettings['leafRemote']>;
  /** Of what the JWTs of `trust` say, whenever they were signed. */
  readonly says?: string;
  /** Bytes that kept reports may take. */
  readonly mostBytes: number;
  /** The broker's certificate: asked for at each start of a manager, and when two thirds of its life are over. */
  readonly identity: () => Promise<TlsIdentity & { readonly expiresAt: number }>;
  readonly log: BrokerLog;
  /** What to do when there is no nats-server here, and when somebody else listens there. */
  readonly advice?: { readonly missing: string; readonly taken: string };
}

/** The part of a pino logger that is used. */
export interface BrokerLog {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

const ownAdvice = { missing: 'or leave --nats away', taken: 'Choose another --nats-listen' };

interface Noted extends Started {
  /** Of the configuration that it was started with. */
  readonly digest: string;
}

/**
 * Keeps a nats-server running until `stop`. One that outlived a manager that was killed is taken over, so that its
 * agents stay connected; when it was started with another configuration it is ended first.
 */
export class Broker {
  readonly #options: BrokerOptions;
  readonly #kept: KeptProgram;
  readonly #daily: NodeJS.Timeout;
  #renewAt: number;

  private constructor(options: BrokerOptions, program: string, written: Written, earlier: Noted | undefined) {
    this.#options = options;
    this.#renewAt = written.renewAt;
    this.#daily = setInterval(() => {
      if (Date.now() > this.#renewAt)
        this.renew().catch((err: unknown) => options.log.error({ err }, "cannot renew the broker's certificate"));
    }, daily).unref();
    const { folder, log } = options;
    if (earlier !== undefined) log.info({ pid: earlier.pid }, 'the broker of before goes on');
    this.#kept = new KeptProgram({
      pidFile: pidFile(folder),
      pidMode: 0o600,
      note: { digest: written.digest },
      log: logFile(folder),
      pauses,
      earlier,
      command: () => ({ program, args: ['-c', configuration(folder)], env: {} }),
      ended: (how, seconds) =>
        log.error({ how, seconds }, `the broker ended (${how}); it is started again. See ${logFile(folder)}`),
    });
  }

  /** Resolves when it listens. Throws `failed_precondition` when there is no nats-server or it does not start. */
  static async start(options: BrokerOptions): Promise<Broker> {
    const program = which('nats-server');
    const { missing, taken } = options.advice ?? ownAdvice;
    if (program === undefined) {
      throw new HostlerError(
        'failed_precondition',
        `There is no nats-server on this machine: ${installHint('nats-server')}, ${missing}.`,
      );
    }
    const written = await writeConfiguration(options);
    const earlier = readStarted(options.folder);
    const usable = earlier?.digest === written.digest;
    await endProcesses(options.folder, usable ? earlier.pid : 0);
    if (!usable && (await answers(options.listen))) {
      const { host, port } = options.listen;
      throw new HostlerError('failed_precondition', `Somebody else listens on ${host}:${port} already. ${taken}.`);
    }
    const broker = new Broker(options, program, written, usable ? earlier : undefined);
    try {
      await broker.#listens();
    } catch (thrown) {
      await broker.stop();
      throw thrown;
    }
    return broker;
  }

  /** The process id; 0 between two lives. */
  get pid(): number {
    return this.#kept.pid;
  }

  /** A new certificate, for connections from now on; those that are open stay. */
  async renew(): Promise<void> {
    this.#renewAt = (await writeConfiguration(this.#options)).renewAt;
    this.#kept.signal('SIGHUP');
  }

  async stop(): Promise<void> {
    clearInterval(this.#daily);
    await this.#kept.stop();
  }

  async #listens(): Promise<void> {
    const { listen, folder } = this.#options;
    const late = Date.now() + patience;
    while (!(await answers(listen))) {
      if (Date.now() > late) {
        const where = `${listen.host}:${listen.port}`;
        throw new HostlerError(
          'failed_precondition',
          `The broker does not listen on ${where}: ${lastLine(logFile(folder))} (more in ${logFile(folder)})`,
        );
      }
      await pause(50, this.#kept.stopping);
    }
  }
}

function configuration(folder: string): string {
  return join(folder, 'nats-server.conf');
}

function pidFile(folder: string): string {
  return join(folder, 'nats-server.pid');
}

function logFile(folder: string): string {
  return join(folder, 'nats-server.log');
}

interface Written {
  /** Of what the broker is told. */
  readonly digest: string;
  /** When its certificate is to be replaced, milliseconds since the epoch. */
  readonly renewAt: number;
}

/** All files of the broker, 0600. */
async function writeConfiguration(options: BrokerOptions): Promise<Written> {
  const { folder, mostBytes } = options;
  const identity = await options.identity();
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const tls = {
    certificate: join(folder, 'server.pem'),
    key: join(folder, 'server.key'),
    authority: join(folder, 'ca.pem'),
  };
  const { leafRemote, grows, ...rest } = options;
  const credentials = join(folder, 'leaf.creds');
  const text = renderBroker({
    ...rest,
    tls,
    store: { folder: join(folder, 'jetstream'), mostBytes },
    ...(grows === true && { accounts: join(folder, 'accounts') }),
    ...(leafRemote !== undefined && { leafRemote: { ...leafRemote, credentials } }),
  });
  // An earlier broker goes on with the certificate that it was started with, and takes this one when it starts again.
  await replaceFile(tls.key, identity.key, 0o600);
  await replaceFile(tls.certificate, identity.certificate, 0o600);
  await replaceFile(tls.authority, identity.authority, 0o600);
  // Read again at each connection that it makes.
  if (leafRemote !== undefined) await replaceFile(credentials, leafRemote.credentials, 0o600);
  await replaceFile(configuration(folder), text, 0o600);
  // Signatures and times differ each time; what counts is who is trusted.
  const told = {
    ...rest,
    grows,
    leaf: leafRemote?.port,
    identity: undefined,
    log: undefined,
    advice: undefined,
    trust: Object.keys(options.trust.accounts),
  };
  const digest = createHash('sha256').update(JSON.stringify(told)).digest('hex');
  return { digest, renewAt: identity.expiresAt - (identity.expiresAt - Date.now()) / 3 };
}

function readStarted(folder: string): Noted | undefined {
  try {
    const started = JSON.parse(readFileSync(pidFile(folder), 'utf8')) as Noted;
    return isAlive(started.pid, started.startTime) ? started : undefined;
  } catch {
    // None, or one that was torn: nothing to take over.
    return undefined;
  }
}

/**
 * Brokers of this folder that nobody looks after, but for one: also those that an earlier manager had no time to note
 * before it was killed.
 */
async function endProcesses(folder: string, except: number): Promise<void> {
  const strays = processesWith('-c', configuration(folder)).filter((pid) => pid !== except);
  const never = new AbortController().signal;
  const late = Date.now() + patience;
  for (const pid of strays) {
    const startTime = startTimeOf(pid);
    while (startTime !== undefined && isAlive(pid, startTime)) {
      process.kill(pid, Date.now() > late ? 'SIGKILL' : 'SIGTERM');
      await pause(50, never);
    }
  }
}

function answers({ host, port }: { readonly host: string; readonly port: number }): Promise<boolean> {
  const anywhere: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };
  const socket = connect({ host: anywhere[host] ?? host, port });
  return new Promise((resolve) => {
    const done = (yes: boolean) => (): void => {
      socket.destroy();
      resolve(yes);
    };
    // It speaks first.
    socket.once('data', done(true));
    socket.once('error', done(false));
    socket.setTimeout(1_000, done(false));
  });
}

function lastLine(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim().split('\n').at(-1) ?? '';
  } catch {
    return 'it left no log';
  }
}
