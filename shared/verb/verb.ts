import type { Asked } from './asked.ts';
import type { Effect, Json, Report } from './effect.ts';
import type { View } from './view.ts';

/** What a verb answers: its new state, stored before any effect is acted on, and what is to happen. */
export interface Step<State extends Json> {
  readonly state: State;
  readonly effects: readonly Effect[];
}

/**
 * One thing a user can ask for. Pure: no I/O, no clock, no randomness, no reading of anything but the arguments.
 * A verb whose `start` ends with `done` or `refuse` and waits for nothing but a commit leaves no job behind.
 */
export interface Verb<State extends Json = Json> {
  readonly name: string;
  /** Of the stored state. A job stored by another version goes through `migrate`, or is refused. */
  readonly version: number;
  /** True when the verb may change anything: decides which policy applies and whether --plan makes sense. */
  readonly changes: boolean;
  start(asked: Asked, known: View): Step<State>;
  /** Only verbs that run tasks or look at their commits need it. `known` is the view at the time of the report. */
  on?(state: State, report: Report, known: View): Step<State>;
  migrate?(state: Json, from: number): State;
}

/** A step that ends at once. */
export function end(...effects: Effect[]): Step<null> {
  return { state: null, effects };
}
