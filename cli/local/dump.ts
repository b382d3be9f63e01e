import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HostlerError } from '../../shared/errors/error.ts';
import { type CommandLine, type CommandDefinition } from '../command.ts';
import { importCommand } from '../commands/import.ts';
import { askVerb, show } from './ask.ts';

/** Tables of logs: dumped and restored only with -a. */
const logs: ReadonlySet<string> = new Set(['auditlog', 'eventlog']);

/** dumpxCATdb: one file a table, all at one revision. Files are for their owner only: tables hold passwords. */
export async function dumpTables(definition: CommandDefinition, line: CommandLine, command: string): Promise<number> {
  const folder = folderOf(line);
  const all = line.options['a'];
  const options: CommandLine['options'] = all === undefined ? {} : { a: all };
  const answer = await askVerb(definition, { options, operands: [] }, command);
  if (answer.exit !== 0) return show(answer);
  if (!existsSync(folder)) {
    process.stdout.write(` Creating ${folder} for database dump\n`);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }
  for (const piece of answer.data) {
    const { table, text } = piece as { table: string; text: string };
    if (!/^\w+$/.test(table)) throw new HostlerError('internal', `The manager sent a table called '${table}'.`);
    writeFileSync(join(folder, `${table}.csv`), text, { mode: 0o600 });
  }
  process.stdout.write('Backup Complete.\n');
  return 0;
}

/** restorexCATdb: every table of which the folder has a file becomes what the file says, all in one commit. */
export async function restoreTables(line: CommandLine, command: string): Promise<number> {
  const folder = folderOf(line);
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => name.endsWith('.csv'));
  } catch (cause) {
    throw new HostlerError('not_found', `The folder '${folder}' cannot be read.`, { cause });
  }
  const wanted = names.filter((name) => line.options['a'] !== undefined || !logs.has(name.slice(0, -4))).sort();
  if (wanted.length === 0) throw new HostlerError('not_found', `There are no .csv files in '${folder}'.`);
  const files = Object.fromEntries(
    wanted.map((name) => [join(folder, name), readFileSync(join(folder, name), 'utf8')]),
  );
  const options = { replace: [''], quiet: [''] };
  const answer = await askVerb(importCommand, { options, operands: ['xcat'] }, command, files);
  if (answer.exit !== 0) return show(answer);
  process.stdout.write('Restore of Database Complete.\n');
  return 0;
}

function folderOf(line: CommandLine): string {
  return line.options['p']?.at(-1) ?? '';
}
