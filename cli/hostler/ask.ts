import { HostlerError } from '../../shared/errors/error.ts';
import type { CommandLine } from '../command.ts';
import { Manager } from '../connect/manager.ts';
import { managerPlace } from '../connect/place.ts';

/** Runs a few questions over one connection. */
export async function withManager<Result>(
  command: string,
  use: (manager: Manager) => Promise<Result>,
): Promise<Result> {
  const manager = new Manager(managerPlace(process.env), command);
  try {
    return await use(manager);
  } finally {
    manager.close();
  }
}

/** The option's value as a whole number, or 0 when it was not given. Throws `invalid_argument`. */
export function numberOption(line: CommandLine, name: string): number {
  const text = line.options[name]?.at(-1);
  if (text === undefined) return 0;
  if (!/^\d{1,9}$/.test(text))
    throw new HostlerError('invalid_argument', `--${name} is '${text}'; it must be a whole number.`);
  return Number(text);
}

export function wantsJson(line: CommandLine): boolean {
  return line.options['json'] !== undefined;
}

export function printJson(value: unknown): number {
  process.stdout.write(jsonLine(value));
  return 0;
}

/** Without the marks that the wire format puts beside optional values. */
export function jsonLine(value: unknown): string {
  return `${JSON.stringify(value, (key, item: unknown) => (key.startsWith('_') ? undefined : item))}\n`;
}
