import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { HostlerError } from '../../../shared/errors/error.ts';
import { isAlive, startTimeOf } from '../../../shared/process/alive.ts';
import { run } from '../../../shared/process/run.ts';

export interface DnsmasqOptions {
  readonly configuration: string;
  readonly pidFile: string;
  readonly log: (line: string) => void;
  readonly onLine: (line: string) => void;
}

/** What the hosts files hold, all together. */
export interface HostsContent {
  readonly digest: string;
  readonly count: number;
}

const startMilliseconds = 10_000;
const reloadMilliseconds = 5_000;
/** It compares each host with all that it has: 100,000 take it most of a minute. */
const reloadMillisecondsPerHost = 3;
const firstPause = 500;
const longestPause = 30_000;
/** A program that ran so long is restarted without growing pauses. */
const steadyMilliseconds = 60_000;

/**
 * dnsmasq as a child that is kept alive: restarted with growing pauses when it dies, the reason told each time. One
 * that an earlier, killed agent left running with the same configuration file is ended first.
 */
export class Dnsmasq {
  readonly #options: DnsmasqOptions;
  #stop = new AbortController();
  #kept: Promise<void> = Promise.resolve();
  /** The content of the hosts files that it has read, or reads as the first thing it does. */
  #read: string | undefined;
  #waiting: { pattern: RegExp; done: (error?: HostlerError) => void }[] = [];

  constructor(options: DnsmasqOptions) {
    this.#options = options;
  }

  /** Resolves when it serves; rejects with the reason when the first attempt failed (further ones follow by themselves). */
  async start(hosts: HostsContent): Promise<void> {
    this.#stop = new AbortController();
    this.#read = hosts.digest;
    const started = this.#line(/: started, version /, startMilliseconds, 'dnsmasq did not start in time');
    this.#kept = this.#keep(this.#stop.signal);
    await started;
  }

  /** Reads the hosts files again, unless it has read this content; resolves when it did. While it reads it answers nobody. */
  async reload(hostsFile: string, hosts: HostsContent): Promise<void> {
    const pid = await this.#pid();
    if (pid === undefined)
      throw new HostlerError('unavailable', 'dnsmasq does not run at the moment; it is being restarted.');
    if (this.#read === hosts.digest) return;
    this.#read = undefined;
    const limit = reloadMilliseconds + hosts.count * reloadMillisecondsPerHost;
    const read = this.#line(new RegExp(`: read ${escaped(hostsFile)}$`), limit, 'dnsmasq did not read its hosts again');
    process.kill(pid, 'SIGHUP');
    await read;
    this.#read = hosts.digest;
  }

  async stop(): Promise<void> {
    this.#stop.abort(new HostlerError('cancelled', 'the boot service stops'));
    await this.#kept;
  }

  async #keep(signal: AbortSignal): Promise<void> {
    let pause = firstPause;
    for (;;) {
      const began = Date.now();
      const reason = await this.#once(signal);
      if (signal.aborted) return;
      this.#settle(new HostlerError('unavailable', `dnsmasq does not run: ${reason}`));
      if (Date.now() - began > steadyMilliseconds) pause = firstPause;
      this.#options.log(`dnsmasq ended: ${reason}; started again in ${pause / 1000} s`);
      await delay(pause, undefined, { signal }).catch(() => undefined);
      pause = Math.min(pause * 2, longestPause);
    }
  }

  /** One life; resolves with why it ended. */
  async #once(signal: AbortSignal): Promise<string> {
    try {
      await this.#endStale();
      const { exit } = await run('dnsmasq', [`--conf-file=${this.#options.configuration}`], {
        signal,
        graceMs: 3_000,
        keepBytes: 16_384,
        onLine: (line) => {
          this.#options.onLine(line);
          this.#hear(line);
        },
      });
      return `exit ${exit}`;
    } catch (error) {
      return HostlerError.from(error).message;
    }
  }

  /** The process that our configuration file was given to, whoever started it. */
  async #pid(): Promise<number | undefined> {
    try {
      const pid = Number((await readFile(this.#options.pidFile, 'utf8')).trim());
      if (!Number.isSafeInteger(pid) || pid <= 1) return undefined;
      const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0');
      return words.includes(`--conf-file=${this.#options.configuration}`) ? pid : undefined;
    } catch {
      return undefined;
    }
  }

  async #endStale(): Promise<void> {
    const pid = await this.#pid();
    const startTime = pid === undefined ? undefined : startTimeOf(pid);
    if (pid === undefined || startTime === undefined) return;
    this.#options.log(`ending dnsmasq (process ${pid}) that an earlier agent left running`);
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      if (!isAlive(pid, startTime)) return;
      process.kill(pid, signal);
      const until = Date.now() + 3_000;
      while (Date.now() < until && isAlive(pid, startTime)) await delay(30);
    }
  }

  #line(pattern: RegExp, timeoutMs: number, late: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (error?: HostlerError): void => {
        clearTimeout(timer);
        this.#waiting = this.#waiting.filter((one) => one !== waiting);
        if (error) reject(error);
        else resolve();
      };
      const waiting = { pattern, done };
      const timer = setTimeout(() => done(new HostlerError('deadline_exceeded', late)), timeoutMs);
      this.#waiting.push(waiting);
    });
  }

  #hear(line: string): void {
    for (const { pattern, done } of [...this.#waiting]) if (pattern.test(line)) done();
  }

  #settle(error: HostlerError): void {
    for (const { done } of [...this.#waiting]) done(error);
  }
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
