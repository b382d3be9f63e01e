import type { Budget } from './budget.ts';
import { spanBetween, spanNames, spanSize } from './span.ts';

/**
 * Writes out the first `[a,b-c,d:e]` of a text: one text for each of its parts, still with the brackets that follow.
 * undefined where a part is no list of words and number ranges: then the text means itself.
 * @throws HostlerError resource_exhausted when all brackets together stand for too many texts.
 */
export function openBracket(text: string, budget: Budget): string[] | undefined {
  budget.afford(product(text));
  const parts = /^([^[\]]*)\[([^[\]]*)\](.*)$/s.exec(text);
  if (parts?.[1] === undefined || parts[2] === undefined || parts[3] === undefined) return undefined;
  const [, before, inside, after] = parts;
  const texts: string[] = [];
  for (const part of inside.split(',')) {
    const ends = rangeEnds(part);
    if (ends === undefined) {
      budget.spend(1n);
      texts.push(before + part + after);
    } else {
      const span = spanBetween(...ends);
      if (span === undefined) return undefined;
      budget.spend(spanSize(span));
      for (const word of spanNames(span)) texts.push(before + word + after);
    }
  }
  return texts;
}

/** How many texts all brackets of the text stand for together. */
function product(text: string): bigint {
  let total = 1n;
  for (const [, inside = ''] of text.matchAll(/\[([^[\]]*)\]/g)) {
    let here = 0n;
    for (const part of inside.split(',')) {
      const ends = rangeEnds(part);
      const span = ends === undefined ? undefined : spanBetween(...ends);
      here += span === undefined ? 1n : spanSize(span);
    }
    total *= here;
  }
  return total;
}

function rangeEnds(part: string): [string, string] | undefined {
  const ends = /^([^:-]+)[:-]([^:-]+)$/.exec(part);
  return ends?.[1] === undefined || ends[2] === undefined ? undefined : [ends[1], ends[2]];
}
