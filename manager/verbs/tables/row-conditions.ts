import { compilePattern } from '../../../shared/pattern/index.ts';

/** One `-w column<op>value` of tabdump; all of them must hold. */
export interface RowCondition {
  readonly column: string;
  readonly operator: '==' | '!=' | '=~' | '!~' | '>' | '>=' | '<' | '<=';
  readonly value: string;
}

export function readRowCondition(text: string): RowCondition | undefined {
  const parts = /^(\w+)(==|!=|=~|!~|>=|<=|>|<)(.*)$/s.exec(text);
  if (parts?.[1] === undefined || parts[3] === undefined) return undefined;
  return { column: parts[1], operator: parts[2] as RowCondition['operator'], value: parts[3] };
}

/** An unset column fits nothing, as in SQL. `=~` is SQL's LIKE: `%` for anything, `_` for one character. */
export function rowFits(conditions: readonly RowCondition[], values: Readonly<Record<string, string>>): boolean {
  return conditions.every(({ column, operator, value }) => {
    const actual = values[column];
    if (actual === undefined) return false;
    switch (operator) {
      case '==':
        return actual === value;
      case '!=':
        return actual !== value;
      case '=~':
        return isLike(actual, value);
      case '!~':
        return !isLike(actual, value);
      case '>':
        return actual > value;
      case '>=':
        return actual >= value;
      case '<':
        return actual < value;
      case '<=':
        return actual <= value;
    }
  });
}

function isLike(text: string, like: string): boolean {
  const source = like
    .replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
    .replaceAll('%', '(?s:.*)')
    .replaceAll('_', '(?s:.)');
  return compilePattern(`(?i)${source}`).matches(text);
}
