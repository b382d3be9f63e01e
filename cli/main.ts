import { basename } from 'node:path';
import { HostlerError } from '../shared/errors/error.ts';
import { programVersion } from '../shared/text/version.ts';
import type { CommandDefinition } from './command.ts';
import { commandNames, findCommand, linkNames } from './commands/index.ts';
import { findSubCommand, subCommands } from './hostler/index.ts';
import { CommandLineError, parseCommandLine } from './parse/getopt.ts';
import { helpText } from './parse/help.ts';
import { shortCommand } from './run/request.ts';
import { complaintShown, flushed, leaveQuietlyWhenUnread } from './show/writer.ts';

/*
 * One program, named by how it is called: `lsdef ...` is `hostler lsdef ...`. What talks to the manager is loaded only
 * when somebody is asked.
 */

/** How the program was called, and with what. */
async function dispatch(called: string, argv: readonly string[]): Promise<number> {
  if (called !== 'hostler') {
    const definition = findCommand(called);
    if (definition !== undefined) return command(definition, called, argv);
  }
  const [name, ...rest] = argv;
  if (name === undefined || name === '-h' || name === '--help' || name === 'help') return overview(rest[0]);
  if (name === '-v' || name === '--version') return print(`Version ${programVersion()}\n`);
  const sub = findSubCommand(name);
  if (sub !== undefined) return command(sub, `hostler ${name}`, rest);
  const definition = findCommand(name);
  if (definition !== undefined) return command(definition, fullName(name), rest);
  return unknown(name);
}

async function unknown(name: string): Promise<number> {
  const { nearest } = await import('../shared/text/nearest.ts');
  const meant = nearest(name, [...subCommands().map((sub) => sub.name), ...commandNames()]);
  const hint = meant.length === 0 ? '' : ` Did you mean ${meant.map((one) => `'${one}'`).join(' or ')}?`;
  process.stderr.write(`hostler: there is no command '${name}'.${hint} 'hostler --help' lists them.\n`);
  return 1;
}

/** As one types it: by its own name where there is a link of that name. */
function fullName(name: string): string {
  return linkNames().includes(name) ? name : `hostler ${name}`;
}

async function overview(about: string | undefined): Promise<number> {
  const { overviewText } = await import('./hostler/overview.ts');
  if (about === undefined) return print(overviewText());
  const sub = findSubCommand(about);
  const definition = sub ?? findCommand(about);
  if (definition !== undefined)
    return print(helpText(definition, sub === undefined ? fullName(about) : `hostler ${about}`));
  return unknown(about);
}

async function command(definition: CommandDefinition, called: string, argv: readonly string[]): Promise<number> {
  const line = parseCommandLine(definition, argv);
  const own = new Set(definition.options.map(({ long }) => long));
  if ('help' in line.options && !own.has('help')) return print(helpText(definition, called));
  if ('version' in line.options && !own.has('version')) return print(`Version ${programVersion()}\n`);
  const usage = definition.usageWhen?.(line);
  if (usage !== undefined) {
    (usage === 0 ? process.stdout : process.stderr).write(helpText(definition, called));
    return usage;
  }
  const sub = findSubCommand(definition.name);
  if (sub === definition) return sub.run(line, shortCommand(called, argv));
  const local = definition.local?.(line, shortCommand(called, argv));
  if (local !== undefined) return local;
  const { runCommand } = await import('./run/run-command.ts');
  const exit = await runCommand(definition, line, shortCommand(called, argv));
  const complaint = exit === 0 ? '' : complaintShown();
  if (complaint !== '') await (await import('./run/suggest.ts')).suggest(complaint);
  return exit;
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

async function main(): Promise<void> {
  leaveQuietlyWhenUnread();
  const called = basename(process.argv[1] ?? 'hostler');
  let exit: number;
  try {
    exit = await dispatch(called, process.argv.slice(2));
  } catch (thrown) {
    exit = 1;
    if (thrown instanceof CommandLineError) {
      process.stderr.write(`${thrown.complaints.join('\n')}\nTry '${called} --help'.\n`);
    } else {
      const error = HostlerError.from(thrown);
      process.stderr.write(`${called}: ${error.message}\n`);
      if (process.env['HOSTLER_DEBUG'] !== undefined)
        process.stderr.write(`${String(error.stack)}\ncause: ${String(error.cause)}\n`);
    }
  }
  await flushed();
  // Connections would close by themselves, a little later.
  process.exit(exit);
}

void main();
