import { type CommandDefinition, type OptionDefinition, letters } from '../command.ts';
import { commonOptions } from './common.ts';

const width = 100;

/** The help text of one command; `called` is how the user calls it (`lsdef`, `hostler jobs`). */
export function helpText(definition: CommandDefinition, called: string): string {
  const lines = [`${called} - ${definition.summary}`, ''];
  const usage = definition.usage.length === 0 ? [''] : definition.usage;
  usage.forEach((form, index) => lines.push(...usageLines(index === 0 ? 'Usage: ' : '       ', called, form)));
  if (definition.operands !== undefined)
    lines.push('', ...definition.operands.split('\n').flatMap((text) => wrap(text, width)));
  const rows = [...definition.options, ...commonOptions(definition)]
    .filter((option) => option.hidden !== true)
    .map((option) => [optionNames(option), option.help] as const);
  const column = Math.min(30, Math.max(...rows.map(([names]) => names.length)) + 4);
  lines.push('', 'Options:');
  for (const [names, text] of rows) lines.push(...row(`  ${names}`, text, column));
  if (definition.examples !== undefined) lines.push('', 'Examples:', ...definition.examples.map((text) => `  ${text}`));
  return `${lines.join('\n')}\n`;
}

/** `-o, --object NAMES` */
export function optionNames(option: OptionDefinition): string {
  const dashed = letters(option).map((letter) => `-${letter}`);
  const longs = option.long === undefined ? [] : [option.long, ...(option.alias ?? [])].map((name) => `--${name}`);
  const names = [...dashed, ...longs].join(', ');
  if (option.value === undefined) return names;
  return option.optionalValue === true ? `${names} [${option.value}]` : `${names} ${option.value}`;
}

function row(left: string, text: string, column: number): string[] {
  const lines = wrap(text, width - column);
  const first = left.length + 2 > column ? [left] : [];
  return [
    ...first,
    ...lines.map((line, index) => (index === 0 && first.length === 0 ? left : '').padEnd(column) + line),
  ];
}

function usageLines(lead: string, called: string, form: string): string[] {
  // Options in brackets stay whole.
  const pieces = form.match(/\[(?:[^[\]]|\[[^[\]]*\])*\]\S*|\{[^}]*\}|\S+/g) ?? [];
  return fill([called, ...pieces], width - 11).map(
    (line, index) => (index === 0 ? lead : ' '.repeat(8 + called.length)) + line,
  );
}

function wrap(text: string, limit: number): string[] {
  return fill(text.split(' '), limit);
}

function fill(pieces: readonly string[], limit: number): string[] {
  const lines: string[] = [];
  for (const piece of pieces) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + piece.length <= limit) lines[lines.length - 1] = `${last} ${piece}`;
    else lines.push(piece);
  }
  return lines.length === 0 ? [''] : lines;
}
