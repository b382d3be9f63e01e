import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { HostlerError } from '../../shared/errors/error.ts';
import type { CommandDefinition, CommandLine } from '../command.ts';
import { askVerb, show } from './ask.ts';

/** Tables of logs: taken only with -a. */
const logs: ReadonlySet<string> = new Set(['auditlog.csv', 'eventlog.csv']);

/**
 * hostler import xcat: reads the files here, shows what the manager would make of them, asks where somebody can answer,
 * and has it done in one commit.
 */
export async function importFiles(definition: CommandDefinition, line: CommandLine, command: string): Promise<number> {
  const { yes, plan, json, a: all, ...options } = line.options;
  const [source = '', path = ''] = line.operands;
  const files = filesOf(path, all !== undefined);
  const ask = (more: CommandLine['options']): ReturnType<typeof askVerb> => {
    const asked = { ...options, ...more, ...(json !== undefined && { json }) };
    return askVerb(definition, { options: asked, operands: [source] }, command, files);
  };
  const look = await ask({ look: [''] });
  for (const value of look.data) process.stdout.write(`${JSON.stringify(value)}\n`);
  show(look);
  const understood = look.stdout !== '' || look.data.length > 0;
  if (plan !== undefined || !understood) return look.exit;
  if (yes === undefined && process.stdin.isTTY && process.stdout.isTTY && !(await agreed())) {
    process.stdout.write('Nothing was imported.\n');
    return 1;
  }
  const done = await ask({ quiet: [''] });
  // What was said of single objects was shown already.
  if (done.exit !== 0 && look.exit === 0) return show(done);
  if (json === undefined) process.stdout.write('Imported, in one commit: hostler history -n 1\n');
  return done.exit;
}

async function agreed(): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return /^y(es)?$/i.test((await terminal.question('Import this? [y/N] ')).trim());
  } finally {
    terminal.close();
  }
}

/** The .csv files of a folder, or where there are none its stanza files; or one file. Names without the folder. */
function filesOf(path: string, all: boolean): Record<string, string> {
  try {
    if (!statSync(path).isDirectory()) return { [path]: readFileSync(path, 'utf8') };
    const names = readdirSync(path);
    const tables = names.filter((name) => /\.csv$/i.test(name) && (all || !logs.has(name)));
    const wanted = tables.length > 0 ? tables : names.filter((name) => /\.(stanza|def|stz|txt)$/i.test(name));
    if (wanted.length === 0) {
      throw new HostlerError('not_found', `There are no .csv files and no .stanza files in '${path}'.`);
    }
    return Object.fromEntries(wanted.sort().map((name) => [name, readFileSync(join(path, name), 'utf8')]));
  } catch (cause) {
    if (cause instanceof HostlerError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new HostlerError('not_found', `'${path}' cannot be read: ${why}.`, { cause });
  }
}
