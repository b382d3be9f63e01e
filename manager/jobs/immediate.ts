import type { Effect, Json } from '../../shared/verb/effect.ts';
import type { Step } from '../../shared/verb/verb.ts';
import type { View } from '../../shared/verb/view.ts';
import type { CommitInfo, Registry } from '../registry/types.ts';
import { endingOf, withExpected } from './effects.ts';
import type { Ending } from './record.ts';
import { type EventBody, dataEvent, finishedEvent, outputEvents } from './say.ts';

/** How often a verb is asked anew because what it had seen was changed before its commit. */
const mostAttempts = 20;

type Commit = Extract<Effect, { do: 'commit' }>;
type Observe = Extract<Effect, { do: 'observe' }>;

/** A step that ends the job with its start. */
interface AtOnce {
  readonly commit: Commit | undefined;
  readonly observations: readonly Observe[];
  readonly events: readonly EventBody[];
}

/** The step as one that needs no job; undefined where it needs one: it runs tasks, waits, or commits more than once. */
function atOnce(step: Step<Json>): AtOnce | undefined {
  let commit: Commit | undefined;
  const events: EventBody[] = [];
  const observations: Observe[] = [];
  for (const effect of step.effects) {
    const ending = endingOf(effect);
    if (ending !== undefined) return { commit, observations, events: [...events, finishedEvent(ending)] };
    if (effect.do === 'say') events.push(...outputEvents(effect.text, effect.error === true));
    else if (effect.do === 'data') events.push(dataEvent(effect.value));
    else if (effect.do === 'observe') observations.push(effect);
    else if (effect.do === 'commit' && commit === undefined) commit = effect;
    else return undefined;
  }
  return undefined;
}

export type Begun =
  | { readonly kind: 'ended'; readonly events: readonly EventBody[] }
  | { readonly kind: 'job'; readonly state: Json; readonly effects: readonly Effect[] };

/**
 * Commands that met a conflict go on one after the other: two hundred that add to one list would else meet each other
 * again and again.
 */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Throws what the work throws. */
  take<Result>(work: () => Promise<Result>): Promise<Result> {
    const mine = this.#last.then(work);
    this.#last = mine.catch(() => undefined);
    return mine;
  }
}

/**
 * Starts a verb and, where that ends it, carries it out. A conflict starts it anew: what it says was true of the
 * present it saw. The effects of one that needs a job come with the values that the verb relied on.
 */
export async function begin(
  start: (known: View) => Step<Json>,
  registry: Registry,
  info: CommitInfo,
  turns: Turns,
): Promise<Begun> {
  const first = await attempt(start, registry, info);
  return typeof first === 'string' ? turns.take(() => again(start, registry, info, first)) : first;
}

async function again(
  start: (known: View) => Step<Json>,
  registry: Registry,
  info: CommitInfo,
  first: string,
): Promise<Begun> {
  let conflict = first;
  for (let left = mostAttempts - 1; left > 0; left--) {
    const begun = await attempt(start, registry, info);
    if (typeof begun !== 'string') return begun;
    conflict = begun;
  }
  const message = `${conflict} Nothing was changed; try again.`;
  const refused: Ending = { status: 'refused', exit: 1, code: 'aborted', message };
  return { kind: 'ended', events: [finishedEvent(refused)] };
}

/** A conflict is a sentence. */
async function attempt(
  start: (known: View) => Step<Json>,
  registry: Registry,
  info: CommitInfo,
): Promise<Begun | string> {
  const step = start(registry.view);
  const seen = withExpected(step.effects, registry.view);
  const ends = atOnce({ ...step, effects: seen });
  if (ends === undefined) return { kind: 'job', state: step.state, effects: seen };
  for (const { type, name, values } of ends.observations) registry.observe(type, name, values);
  if (ends.commit === undefined) return { kind: 'ended', events: ends.events };
  const result = await registry.commit(info, ends.commit.changes);
  return result.outcome === 'done' ? { kind: 'ended', events: ends.events } : result.message;
}
