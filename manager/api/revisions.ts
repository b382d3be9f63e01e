import { HostlerError } from '../../shared/errors/error.ts';
import { addChanges, type RecordedChange, type Revisions } from '../../shared/verb/recorded-change.ts';
import type { VerbRequest } from '../jobs/types.ts';
import type { Registry } from '../registry/types.ts';

/** More revisions than this between two are not put together. */
const mostRevisions = 1_000_000;

/**
 * Verbs know the present only. Those that are about the history get what they need of it as their input, whatever
 * input came with the request. Throws `invalid_argument` and `not_found`.
 */
export async function withRevisions(request: VerbRequest, registry: Registry): Promise<VerbRequest> {
  const { verb, operands } = request;
  if (verb === 'undo') {
    const [word = ''] = operands;
    const revision = revisionNumber(word, registry.view.revision);
    return { ...request, input: JSON.stringify(await revisions(registry, revision, revision)) };
  }
  if (verb === 'diff') {
    const [first = '', second] = operands;
    const now = registry.view.revision;
    const [a, b] = [revisionNumber(first, now), second === undefined ? now : revisionNumber(second, now)];
    if (a > b)
      throw new HostlerError('invalid_argument', `Revision ${a} is later than ${b}; name the earlier one first.`);
    return { ...request, input: JSON.stringify(await revisions(registry, a + 1, b)) };
  }
  return request;
}

function revisionNumber(word: string, now: number): number {
  if (!/^\d{1,12}$/.test(word)) {
    throw new HostlerError('invalid_argument', `'${word.slice(0, 40)}' is no revision; 'hostler history' lists them.`);
  }
  const revision = Number(word);
  if (revision > now) throw new HostlerError('not_found', `There is no revision ${revision}; the last one is ${now}.`);
  return revision;
}

async function revisions(registry: Registry, from: number, to: number): Promise<Revisions> {
  const sum = new Map<string, RecordedChange>();
  const found = { command: '', user: '' };
  let count = 0;
  if (from <= to) {
    if (to - from > mostRevisions) {
      throw new HostlerError('resource_exhausted', `More than ${mostRevisions} revisions lie between these two.`);
    }
    for await (const { command, user, changes } of registry.history({ from, to })) {
      count += 1;
      Object.assign(found, { command, user });
      addChanges(sum, changes);
    }
  }
  if (count < to - from + 1) {
    const what = from === to ? `Revision ${from} is` : `Some of the revisions ${from} to ${to} are`;
    throw new HostlerError('not_found', `${what} not in the history (any more).`);
  }
  return { from, to, ...found, changes: [...sum.values()] };
}
