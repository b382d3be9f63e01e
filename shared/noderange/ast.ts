/** What a node range says, before anything is looked up. Grammar: docs of parse.ts. */
export interface Range {
  readonly elements: readonly Element[];
}

export interface Element {
  /** add: union. keep: of what was found so far only what is also here. drop: taken away at the very end. */
  readonly join: 'add' | 'keep' | 'drop';
  readonly atom: Atom;
}

/** Every atom but `nested` and `file` may turn out to be the name of a node or group: that is why `text` stays. */
export type Atom =
  | { readonly kind: 'nested'; readonly range: Range }
  | { readonly kind: 'file'; readonly path: string }
  | {
      readonly kind: 'criterion';
      readonly text: string;
      readonly column: string;
      readonly operator: CriterionOperator;
      readonly value: string;
    }
  | { readonly kind: 'pattern'; readonly text: string; readonly source: string }
  | { readonly kind: 'brackets'; readonly text: string }
  | { readonly kind: 'plus'; readonly text: string; readonly start: string; readonly count: string }
  | { readonly kind: 'span'; readonly text: string; readonly left: string; readonly right: string }
  | { readonly kind: 'name'; readonly text: string };

export type CriterionOperator = '==' | '!=' | '=~' | '!~';
