import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { HostlerError } from '../../shared/errors/error.ts';
import type { RunRequest } from '../../shared/wire/generated/hostler/v1/RunRequest.ts';
import { type CommandDefinition, type CommandLine, canonicalName } from '../command.ts';

/** Turns a parsed command line into what the manager is asked, standard input aside. Reads the files that it names. */
export function runRequest(definition: CommandDefinition, line: CommandLine, correlation: string): RunRequest {
  // A command that has an option of its own by the name of a common one means its own.
  const own = new Set(definition.options.map(canonicalName));
  const common = (name: string): boolean => !own.has(name) && name in line.options;
  const sent = Object.entries(line.options).filter(([name]) => own.has(name));
  const paths = new Set(definition.options.filter(({ path }) => path === true).map(canonicalName));
  const values = (name: string, items: readonly string[]): string[] => items.map(paths.has(name) ? whole : String);
  return {
    verb: definition.verb ?? definition.name,
    options: Object.fromEntries(sent.map(([name, items]) => [name, { items: values(name, items) }])),
    operands: definition.operandPaths === true ? line.operands.map(whole) : [...line.operands],
    plan: common('plan'),
    json: common('json'),
    correlation,
    files: namedFiles(definition, line),
  };
}

function whole(path: string): string {
  return path === '' ? '' : resolve(path);
}

/** The files of `^file` in node ranges and of options that name one: path as typed to content. */
function namedFiles(definition: CommandDefinition, line: CommandLine): Record<string, Buffer> {
  const ranges =
    definition.nodeRange === 'first'
      ? line.operands.slice(0, 1)
      : definition.nodeRange === 'all'
        ? [...line.operands]
        : [];
  const named: string[] = [];
  for (const option of definition.options) {
    const values = line.options[canonicalName(option)] ?? [];
    if (option.nodeRange === true) ranges.push(...values);
    if (option.file === true) named.push(...values);
  }
  const files: Record<string, Buffer> = {};
  // A range's file that cannot be read is an empty range: that is what xCAT makes of it. An option's file must be there.
  for (const path of ranges.flatMap(rangeFiles)) files[path] = readOr(path, () => Buffer.alloc(0));
  for (const path of definition.operandFiles === true ? line.operands : []) {
    try {
      files[path] = readFileSync(path);
    } catch {
      // The verb tells that it is missing, in its own words.
    }
  }
  for (const path of named) {
    files[path] = readOr(path, (why) => {
      throw new HostlerError('not_found', `The file '${path}' cannot be read: ${why}.`);
    });
  }
  return files;
}

/** Paths after `^` in a node range: `^/tmp/a,n1,^/tmp/b`. */
export function rangeFiles(range: string): string[] {
  return [...range.matchAll(/(?:^|[,@(-])\^([^,@()]+)/g)].map((match) => match[1] ?? '');
}

function readOr(path: string, otherwise: (why: string) => Buffer): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    return otherwise(cause instanceof Error ? cause.message : String(cause));
  }
}

const secretAttribute =
  /((?:^|[.\s])[\w.]*(?:passw(?:or)?d|passwd|secret|token|community|priv(?:ate)?key)\w*(?:==|=~|!=|,=|\+=|-=|=))(.+)/is;

/** The command line in short, as typed, values of secret attributes left out. */
export function shortCommand(name: string, argv: readonly string[]): string {
  const words = argv
    .map((word) => word.replace(secretAttribute, '$1***'))
    .map((word) => (/^[\w@%+=:,./^*-]+$/.test(word) ? word : `'${word}'`));
  const text = [name, ...words].join(' ');
  return text.length > 400 ? `${text.slice(0, 400)} ...` : text;
}
