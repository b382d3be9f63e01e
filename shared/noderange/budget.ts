import { HostlerError } from '../errors/error.ts';

/** At most this many names may be written out for one node range. */
export const mostNames = 500_000;

/** At most this many nodes may be looked at for one node range (`all` named a hundred times in a big cluster). */
const mostLooks = 8_000_000;

/** Counts what a node range costs, so that a product of billions is refused before it is begun. */
export interface Budget {
  /**
   * So many names are about to be written out.
   * @throws HostlerError resource_exhausted when more come together than one node range may stand for.
   */
  spend(names: bigint): void;
  /** The same check for names that are going to be spent later. */
  afford(names: bigint): void;
  /** So many nodes are about to be looked at. @throws HostlerError resource_exhausted when it becomes too much. */
  look(nodes: number): void;
}

export function nameBudget(text: string): Budget {
  const shown = text.length > 60 ? `${text.slice(0, 60)}...` : text;
  let names = BigInt(mostNames);
  let looks = mostLooks;
  const afford = (count: bigint): void => {
    if (count <= names) return;
    throw new HostlerError(
      'resource_exhausted',
      `The node range '${shown}' stands for more than ${mostNames} names; ask for fewer at a time.`,
    );
  };
  return {
    afford,
    spend(count) {
      afford(count);
      names -= count;
    },
    look(count) {
      looks -= count;
      if (looks >= 0) return;
      throw new HostlerError(
        'resource_exhausted',
        `The node range '${shown}' names large groups so often that it takes too long; name each of them once.`,
      );
    },
  };
}
