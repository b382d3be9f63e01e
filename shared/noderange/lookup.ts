import type { Criterion } from './criterion.ts';

/** What evaluation asks of the definitions. A model of it serves the tests. */
export interface Lookup {
  isNode(name: string): boolean;
  /** Names of all nodes, sorted. */
  nodes(): readonly string[];
  /** Members, sorted; empty for a group that is defined and has none; undefined: there is no such group. */
  members(group: string): readonly string[] | undefined;
  /** Nodes, sorted, that fit; none where the column is unknown. */
  fitting(criterion: Criterion): readonly string[];
  /** Lines of a file that the client opened; undefined: it could not. */
  file(path: string): string | undefined;
}
