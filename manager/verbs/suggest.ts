import { groupNames, objectNames } from '../../shared/objects/index.ts';
import { objectTypes, tables } from '../../shared/schema/index.ts';
import { nearest } from '../../shared/text/nearest.ts';
import type { Verb } from '../../shared/verb/verb.ts';
import type { View } from '../../shared/verb/view.ts';
import { printed } from './tables/answers.ts';

/** Longer complaints are not looked at, nor more words than these. */
const longest = 4_000;
const mostWords = 5;

interface Misspelt {
  readonly word: string;
  readonly names: Iterable<string>;
}

/**
 * What somebody may have meant: the input is what a command complained about. For people at a terminal only, so that
 * the texts that programs read stay xCAT's.
 */
export const suggest: Verb<null> = {
  name: 'suggest',
  version: 1,
  changes: false,
  start(asked, known) {
    const text = (asked.input ?? '').slice(0, longest);
    const hints = misspelt(known, text)
      .slice(0, mostWords)
      .flatMap(({ word, names }) => {
        const meant = nearest(word, names);
        return meant.length === 0 ? [] : [`Did you mean ${meant.map((name) => `'${name}'`).join(' or ')}?\n`];
      });
    return printed([...new Set(hints)].join(''));
  },
};

/** The words of a complaint that stand for nothing, with all that could have been said in their place. */
function misspelt(known: View, text: string): Misspelt[] {
  const found: Misspelt[] = [];
  const each = (pattern: RegExp, names: (match: RegExpMatchArray) => Iterable<string>): void => {
    for (const match of text.matchAll(pattern)) {
      for (const word of (match[1] ?? '').split(',')) found.push({ word, names: names(match) });
    }
  };
  each(/'([^']+)' is not a valid attribute name for an object type of '([^']*)'/g, ([, , type = '']) => {
    return objectTypes.get(type)?.byName.keys() ?? [];
  });
  each(/Could not find an object named '([^']+)' of type '([^']+)'/g, ([, , type = '']) => objectNames(known, type));
  each(/Invalid nodes and\/or groups in noderange: (\S+)/g, () => nodesAndGroups(known));
  each(/Type '([^']+)' is not a valid xCAT object type/g, () => objectTypes.keys());
  each(/No column "([^"]+)" in table "(\w+)"/g, ([, , table = '']) => tables.get(table)?.columns ?? []);
  each(/(?:Table|No such table:|table) '?(\w+)'?(?: does not exist|$)/gm, () => tables.keys());
  return found;
}

function* nodesAndGroups(known: View): Iterable<string> {
  for (const [name] of known.rows('node')) yield name;
  yield* groupNames(known);
}
