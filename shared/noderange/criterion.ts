import type { CriterionOperator } from './ast.ts';

export interface Criterion {
  /** `table.column` or one of the short names as it was typed. */
  readonly column: string;
  readonly operator: CriterionOperator;
  readonly value: string;
}

/** Reads `column==value` and its relatives; `=` is `==`. An expression may be wrapped in slashes. */
export function readCriterion(text: string): Criterion | undefined {
  const parts = /^([^=!~]*)(==|!=|=~|!~|=|~)(.*)$/s.exec(text);
  if (parts?.[1] === undefined || parts[2] === undefined || parts[3] === undefined) return undefined;
  const operator = parts[2] === '=' ? '==' : parts[2] === '~' ? '=~' : (parts[2] as CriterionOperator);
  const value = operator.endsWith('~') ? parts[3].replace(/^\/(.*)\/$/s, '$1') : parts[3];
  return { column: parts[1], operator, value };
}
