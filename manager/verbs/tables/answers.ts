import { HostlerError } from '../../../shared/errors/error.ts';
import { expandNoderange, missingNodesText } from '../../../shared/noderange/index.ts';
import type { Asked } from '../../../shared/verb/asked.ts';
import type { Change, Effect, Json } from '../../../shared/verb/effect.ts';
import { end, type Step } from '../../../shared/verb/verb.ts';
import type { View } from '../../../shared/verb/view.ts';

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

/** Ends with one commit; says nothing. */
export function committed(changes: readonly Change[], ...before: Effect[]): Step<null> {
  const commit: Effect[] = changes.length === 0 ? [] : [{ do: 'commit', key: 'change', changes }];
  return end(...before, ...commit, { do: 'done', exit: 0 });
}

/**
 * Runs a verb's body with the nodes of a range. Names that stand for nothing end it with xCAT's words, and so does,
 * with the reason, a range that is refused.
 */
export function withNodes(
  asked: Asked,
  known: View,
  range: string,
  body: (nodes: readonly string[]) => Step<null>,
  verify = true,
): Step<null> {
  return orRefused(asked, () => {
    const { nodes, missing } = expandNoderange(known, range, { verify, files: asked.files });
    if (missing.length === 0) return body(nodes);
    return end({ do: 'say', text: missingNodesText(missing), error: true }, { do: 'done', exit: 1 });
  });
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
