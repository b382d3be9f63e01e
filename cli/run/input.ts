import { isatty } from 'node:tty';
import { HostlerError } from '../../shared/errors/error.ts';
import { type CommandDefinition, type CommandLine, canonicalName } from '../command.ts';

/** Longer input is sent on while it is read, instead of with the request. Bytes. */
const longestWhole = 1024 * 1024;

/** Standard input: all of it, or its beginning and what is still to come. */
export type Input = { readonly whole: string } | { readonly pieces: AsyncIterable<Buffer> };

export function wantsInput(definition: CommandDefinition, line: CommandLine): boolean {
  return (
    definition.input === true ||
    definition.options.some((option) => option.input === true && canonicalName(option) in line.options)
  );
}

/** Throws invalid_argument when it cannot be read. */
export async function readInput(command: string): Promise<Input> {
  if (isatty(0)) process.stderr.write(`${command}: reading from the terminal; end with Ctrl-D\n`);
  const source = pieces()[Symbol.asyncIterator]();
  const read: Buffer[] = [];
  let size = 0;
  for (let piece = await source.next(); piece.done !== true; piece = await source.next()) {
    read.push(piece.value);
    size += piece.value.length;
    if (size > longestWhole) return { pieces: joined(read, source) };
  }
  return { whole: Buffer.concat(read).toString('utf8') };
}

async function* joined(read: readonly Buffer[], rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield* read;
  for (let piece = await rest.next(); piece.done !== true; piece = await rest.next()) yield piece.value;
}

async function* pieces(): AsyncGenerator<Buffer> {
  try {
    for await (const piece of process.stdin) yield piece as Buffer;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new HostlerError('invalid_argument', `Standard input cannot be read: ${why}.`, { cause });
  }
}
