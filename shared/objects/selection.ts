import { HostlerError } from '../errors/error.ts';
import { compilePattern } from '../pattern/index.ts';

/** One `-w attr<op>value`. `=` alone means `==`; an expression may stand in slashes. */
export interface Condition {
  readonly operator: '==' | '!=' | '=~' | '!~';
  readonly value: string;
}

/**
 * By attribute; a later condition on the same attribute replaces the earlier one, as in xCAT. undefined: one of them
 * cannot be read.
 */
export function parseConditions(texts: readonly string[]): ReadonlyMap<string, Condition> | undefined {
  const conditions = new Map<string, Condition>();
  for (const text of texts) {
    const parts = /^([^=]*?)(==|=~|!=|!~)(.*)$/s.exec(text) ?? /^([^=]*)(=)([^=]+)$/s.exec(text);
    if (parts?.[1] === undefined || parts[3] === undefined) return undefined;
    const operator = parts[2] === '=' ? '==' : (parts[2] as Condition['operator']);
    const value = operator.endsWith('~') ? parts[3].replace(/^\//, '').replace(/\/$/, '') : parts[3];
    conditions.set(parts[1], { operator, value });
  }
  return conditions;
}

/**
 * Whether an object fits all conditions. An attribute that is not there never fits, not even `!=`.
 * @throws HostlerError invalid_argument when an expression cannot be read.
 */
export function meets(
  conditions: ReadonlyMap<string, Condition>,
  valueOf: (attribute: string) => string | undefined,
): boolean {
  for (const [attribute, { operator, value }] of conditions) {
    const actual = valueOf(attribute);
    if (actual === undefined) return false;
    const fits = operator.endsWith('~') ? compilePattern(value).test(actual) : actual === value;
    if (fits !== (operator === '==' || operator === '=~')) return false;
  }
  return true;
}

/** The reason why an expression among the conditions cannot be used; undefined: all can. */
export function unreadable(conditions: ReadonlyMap<string, Condition>): string | undefined {
  try {
    for (const { operator, value } of conditions.values()) if (operator.endsWith('~')) compilePattern(value);
    return undefined;
  } catch (error) {
    if (error instanceof HostlerError) return error.message;
    throw error;
  }
}
