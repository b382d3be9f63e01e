import { objectTypes } from '../../shared/schema/index.ts';
import type { Asked } from '../../shared/verb/asked.ts';

/** Longest command line that is kept, in characters. */
const longestCommand = 500;

/** Attribute names and table columns whose values are secret, in lower case. */
const secretNames: ReadonlySet<string> = new Set(
  [...objectTypes.values()].flatMap((type) =>
    type.attributes
      .filter(({ secret }) => secret)
      .flatMap(({ name, column }) => [name.toLowerCase(), column.toLowerCase()]),
  ),
);

function isSecretName(name: string): boolean {
  const bare = name.toLowerCase();
  // Beyond the schema: what looks like a secret is treated as one.
  return secretNames.has(bare) || /passw|secret|community|token|private|credential/.test(bare);
}

/** `name=value` and its relatives (`+=`, `,=`, `^=`, `==`, `!=`, `=~`) with the value left out where it is secret. */
export function redactAssignment(word: string): string {
  const parts = /^([^\s=]*?)(\+=|-=|,=|\^=|==|!=|=~|!~|=)(.*)$/s.exec(word);
  if (parts === null) return word;
  const [, name = '', operator = '', value = ''] = parts;
  if (value === '') return word;
  // The last word of `table.column` and of `type:attribute` counts too.
  const last = name.split(/[.:]/).at(-1) ?? '';
  return isSecretName(name) || isSecretName(last) ? `${name}${operator}***` : word;
}

function quoted(word: string): string {
  return /^[\w@%+=:,./^*~!-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/** The request as one would type it, for job lists and the history: shortened, secrets left out, in one line. */
export function commandLine(asked: Pick<Asked, 'verb' | 'options' | 'operands' | 'plan' | 'json'>): string {
  const words = [asked.verb];
  for (const [name, values] of Object.entries(asked.options)) {
    const dashed = name.length === 1 ? `-${name}` : `--${name}`;
    for (const value of values) {
      words.push(dashed);
      if (value !== '') words.push(isSecretName(name) ? '***' : quoted(redactAssignment(value)));
    }
  }
  for (const operand of asked.operands) words.push(quoted(redactAssignment(operand)));
  if (asked.plan) words.push('--plan');
  if (asked.json) words.push('--json');
  const line = words.join(' ').replace(/[\u0000-\u001f\u007f]+/g, ' ');
  return line.length > longestCommand ? `${line.slice(0, longestCommand)} ...` : line;
}
