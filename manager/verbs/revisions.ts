import { isSecret } from '../../shared/schema/index.ts';
import { HostlerError } from '../../shared/errors/error.ts';
import type { Asked } from '../../shared/verb/asked.ts';
import type { Revisions } from '../../shared/verb/recorded-change.ts';

/** What the API read of the history for this verb. */
export function revisionsIn(asked: Asked): Revisions {
  if (asked.input === undefined) throw new HostlerError('internal', `${asked.verb} came without the history.`);
  return JSON.parse(asked.input) as Revisions;
}

/** A value for people; secrets never. */
export function shownValue(column: string, value: string | null): string {
  if (value === null) return 'unset';
  return isSecret(column) ? '(secret)' : `'${value}'`;
}
