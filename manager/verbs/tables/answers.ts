import { HostlerError } from '../../../shared/errors/error.ts';
import { expandNoderange, missingNodesText } from '../../../shared/noderange/index.ts';
import type { Asked } from '../../../shared/verb/asked.ts';
import type { Change, Effect, Json } from '../../../shared/verb/effect.ts';
import { end, type Step } from '../../../shared/verb/verb.ts';
import type { View } from '../../../shared/verb/view.ts';
import { refusalOf } from './checks.ts';
import { merged } from './node-rows.ts';

/** Ends with an error in xCAT's form: `Error: [server]: text`. */
export function failed(asked: Asked, text: string, exit = 1): Step<null> {
  return end({ do: 'say', text: `Error: [${asked.server}]: ${text}\n`, error: true }, { do: 'done', exit });
}

/** Ends well with these lines on standard output. */
export function printed(text: string, exit = 0): Step<null> {
  return end(...(text === '' ? [] : [say(text)]), { do: 'done', exit });
}

export function say(text: string): Effect {
  return { do: 'say', text };
}

/** Ends with one commit, or with the reason why the changes cannot be taken. `said`: what is to be told before. */
export function committed(
  asked: Asked,
  known: View,
  changes: readonly Change[],
  said: readonly Effect[] = [],
  exit = 0,
): Step<null> {
  const refusal = refusalOf(known, changes);
  if (refusal !== undefined) return failed(asked, refusal);
  const commit: Effect[] = changes.length === 0 ? [] : [{ do: 'commit', key: 'change', changes: merged(changes) }];
  return end(...said, ...commit, { do: 'done', exit });
}

/**
 * Runs a verb's body with the nodes of a range. Names that stand for nothing end it with xCAT's words, and so does,
 * with the reason, a range that is refused.
 */
export function withNodes<State extends Json>(
  asked: Asked,
  known: View,
  range: string,
  body: (nodes: readonly string[]) => Step<State>,
  verify = true,
): Step<State | null> {
  return orRefused(asked, (): Step<State | null> => {
    const { nodes, missing } = expandNoderange(known, range, { verify, files: asked.files });
    if (missing.length === 0) return body(nodes);
    return noSuchNodes(missing);
  });
}

/** Ends a verb with xCAT's words about names in a node range that stand for nothing. */
export function noSuchNodes(missing: readonly string[]): Step<null> {
  return end({ do: 'say', text: missingNodesText(missing), error: true }, { do: 'done', exit: 1 });
}

/** What the user typed and cannot be taken ends the verb with the reason, not as a failure of ours. */
export function orRefused<State extends Json>(asked: Asked, body: () => Step<State>): Step<State | null> {
  try {
    return body();
  } catch (error) {
    if (!(error instanceof HostlerError)) throw error;
    return failed(asked, error.message);
  }
}
