import { setTimeout as wait } from 'node:timers/promises';
import { HostlerError } from '../../shared/errors/error.ts';
import type { Event__Output } from '../../shared/wire/generated/hostler/v1/Event.ts';
import type { Finished__Output } from '../../shared/wire/generated/hostler/v1/Finished.ts';
import type { RunPart } from '../../shared/wire/generated/hostler/v1/RunPart.ts';
import type { RunRequest } from '../../shared/wire/generated/hostler/v1/RunRequest.ts';
import type { Manager } from '../connect/manager.ts';
import { placeName } from '../connect/place.ts';
import { callProblem, isConnectionTrouble, mayComeBack } from '../connect/problem.ts';

/** How long a manager that went away is waited for. */
const awaySeconds = 180;
const firstPause = 200;
const longestPause = 2_000;

export type Start =
  /** `input`: standard input that is too long to go with the request. */
  | { readonly run: RunRequest; readonly input?: AsyncIterable<Buffer> }
  | { readonly job: string; readonly position: number; readonly noWait: boolean };

export interface FollowHooks {
  /** Every event but the last; resolves when more may come. */
  event(event: Event__Output): Promise<void>;
  /** One line for people: the manager is away, or back. */
  note(text: string): void;
  readonly signal: AbortSignal;
}

/**
 * Runs a verb, or looks at a job, to its end. When the manager goes away after it told the job's number, waits for it
 * and goes on from the next event. `job` tells the number as soon as it is known.
 */
export class Follower {
  job: string | undefined;
  #next = 0;
  readonly #open: () => Manager;
  readonly #hooks: FollowHooks;

  /** `open` makes a connection; each attempt gets a new one. */
  constructor(open: () => Manager, hooks: FollowHooks) {
    this.#open = open;
    this.#hooks = hooks;
  }

  /** The last event; undefined: the signal came, or what there was to see has been seen (`noWait`). Throws HostlerError. */
  async follow(start: Start): Promise<Finished__Output | undefined> {
    if ('job' in start) {
      this.job = start.job;
      this.#next = start.position;
    }
    let brokenAt: number | undefined;
    let pause = firstPause;
    for (;;) {
      const manager = this.#tryOpen(brokenAt !== undefined);
      try {
        if (manager !== undefined) {
          const before = this.#next;
          for await (const event of this.#events(manager, start)) {
            if (brokenAt !== undefined) {
              this.#hooks.note('The manager is back.');
              brokenAt = undefined;
              pause = firstPause;
            }
            this.#next = Math.max(this.#next, event.position + 1);
            if (event.started) this.job = event.started.job;
            if (event.finished) return event.finished;
            await this.#hooks.event(event);
          }
          if (this.#left() || ('job' in start && start.noWait)) return undefined;
          if (this.job === undefined) throw new HostlerError('internal', 'The manager ended the answer half-way.');
          if (this.#next === before) brokenAt ??= Date.now();
        }
      } catch (thrown) {
        if (this.#left()) return undefined;
        if (!mayComeBack(thrown) || this.job === undefined) throw this.#problem(thrown, manager);
        if (brokenAt === undefined) {
          brokenAt = Date.now();
          this.#hooks.note(
            `The manager went away. Job ${this.job} is not lost by that; waiting up to ${String(awaySeconds)} s for the manager.`,
          );
        }
      } finally {
        manager?.close();
      }
      if (brokenAt !== undefined && Date.now() - brokenAt > awaySeconds * 1000) throw this.#gaveUp();
      await wait(pause, undefined, { signal: this.#hooks.signal }).catch(() => undefined);
      if (this.#left()) return undefined;
      pause = Math.min(longestPause, pause * 1.6);
    }
  }

  /** While the manager is away its socket may be missing. */
  #tryOpen(away: boolean): Manager | undefined {
    try {
      return this.#open();
    } catch (thrown) {
      if (away) return undefined;
      throw thrown;
    }
  }

  #events(manager: Manager, start: Start): AsyncIterable<Event__Output> {
    const { signal } = this.#hooks;
    if (this.job === undefined && 'run' in start) {
      const { run, input } = start;
      if (input !== undefined)
        return manager.converse((client, metadata) => client.runStreamed(metadata), parts(run, input), signal);
      return manager.stream((client, metadata) => client.run(run, metadata), signal);
    }
    const request = { job: this.job ?? '', position: this.#next, noWait: 'job' in start && start.noWait };
    return manager.stream((client, metadata) => client.follow(request, metadata), signal);
  }

  /** Asked anew at every point: the signal may come while something is awaited. */
  #left(): boolean {
    return this.#hooks.signal.aborted;
  }

  #problem(thrown: unknown, manager: Manager | undefined): HostlerError {
    if (manager === undefined) return HostlerError.from(thrown);
    const problem = callProblem(thrown, manager.place);
    if (this.#next === 0 || !isConnectionTrouble(thrown)) return problem;
    return new HostlerError(
      'unavailable',
      `The connection to the manager at ${placeName(manager.place)} broke before the answer was complete. ` +
        `See with 'hostler jobs' and 'hostler history' whether the command was carried out.`,
      { cause: thrown },
    );
  }

  #gaveUp(): HostlerError {
    return new HostlerError(
      'unavailable',
      `The manager did not come back within ${String(awaySeconds)} s. When it does: hostler job ${this.job ?? ''} --follow`,
    );
  }
}

async function* parts(request: RunRequest, input: AsyncIterable<Buffer>): AsyncGenerator<RunPart> {
  yield { request };
  for await (const piece of input) yield { input: piece };
}
