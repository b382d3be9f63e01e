import { HostlerError } from '../../../shared/errors/error.ts';
import type { NodeEvent } from '../../../shared/task/node-events.ts';
import { standingOf, type Standing } from '../../tasks/nim/standing.ts';
import { readReporter } from '../../tasks/nim/reporters.ts';
import { unwatchNode, watchedNodes, type Watched } from '../../tasks/nim/watched.ts';
import type { NimObject } from '../../tasks/nim/objects.ts';

export interface NimWatchOptions {
  readonly home: string;
  /** What NIM knows of these machines, in as few commands as it takes. */
  readonly look: (names: readonly string[]) => Promise<ReadonlyMap<string, NimObject>>;
  readonly report: (event: NodeEvent) => void;
  readonly log: (line: string) => void;
  /** Done before each look. */
  readonly each?: () => Promise<void>;
  readonly now?: () => number;
  /** Milliseconds between two looks into the folder; for tests. */
  readonly everyMs?: number;
}

/** One lsnim for all of them; a big fleet is asked about less often. */
export function lookEveryMs(machines: number): number {
  return machines <= 50 ? 15_000 : machines <= 500 ? 30_000 : 60_000;
}

/**
 * Looks at machines that were set up until they are up, and tells the manager when something changed. What is watched
 * lies on the disk, and what was told waits in the agent's outbox: neither is lost with a process.
 */
export class NimWatch {
  readonly #options: NimWatchOptions;
  readonly #now: () => number;
  readonly #told = new Map<string, string>();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #lastLook = 0;

  constructor(options: NimWatchOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#looking ??= this.#turn()
        .catch((thrown: unknown) => {
          this.#options.log(`The states of NIM machines cannot be seen: ${HostlerError.from(thrown).message}`);
        })
        .finally(() => (this.#looking = undefined));
    }, this.#options.everyMs ?? 3_000).unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
  }

  async #turn(): Promise<void> {
    await this.#options.each?.();
    await this.look();
  }

  /** One look, when it is due. */
  async look(): Promise<void> {
    const { home } = this.#options;
    const now = this.#now();
    const watched = await watchedNodes(home, now);
    for (const node of this.#told.keys()) if (!watched.some((one) => one.node === node)) this.#told.delete(node);
    if (watched.length === 0 || now - this.#lastLook < lookEveryMs(watched.length)) return;
    this.#lastLook = now;
    const known = await this.#options.look(watched.map(({ name }) => name));
    for (const one of watched) await this.#tell(one, known.get(one.name), now);
  }

  async #tell(watched: Watched, machine: NimObject | undefined, at: number): Promise<void> {
    const { node } = watched;
    const { stage, detail, over } = (await this.#hasSpoken(watched)) ? itsOwnWords : standingOf(machine);
    const news = `${String(watched.since)} ${stage ?? ''} ${detail}`;
    if (stage !== undefined && this.#told.get(node) !== news) {
      this.#options.report({ node, stage, at, mac: '', bootId: '', detail });
      this.#told.set(node, news);
    }
    if (over) await unwatchNode(this.#options.home, node, watched);
  }

  /** NIM calls a machine up before its scripts have run: once it has spoken for itself, that counts. */
  async #hasSpoken({ name, since, reports }: Watched): Promise<boolean> {
    if (reports !== true) return false;
    return ((await readReporter(this.#options.home, name))?.spokeAt ?? 0) >= since;
  }
}

const itsOwnWords: Standing = { stage: undefined, detail: '', over: true };
