import { writeFileSync } from 'node:fs';
import { HostlerError } from '../../shared/errors/error.ts';
import type { CommandDefinition, CommandLine } from '../command.ts';
import { askVerb, show } from './ask.ts';

/** tabdump -f: what would be printed goes into a file that only its owner reads, for tables hold passwords. */
export async function writeTable(definition: CommandDefinition, line: CommandLine, command: string): Promise<number> {
  const { f: paths = [], ...options } = line.options;
  const path = paths.at(-1) ?? '';
  const answer = await askVerb(definition, { ...line, options }, command);
  if (answer.exit !== 0) return show(answer);
  try {
    writeFileSync(path, answer.stdout, { mode: 0o600 });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new HostlerError('failed_precondition', `The table cannot be written to '${path}': ${why}.`, { cause });
  }
  process.stderr.write(answer.stderr);
  return 0;
}
