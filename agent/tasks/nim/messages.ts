import { HostlerError } from '../../../shared/errors/error.ts';
import { printable } from '../../../shared/process/printable.ts';
import type { Ran } from './login/index.ts';

/**
 * The number of the cause: messages are wrapped, outermost first, so the last one tells (NIM facts, section 3). Numbers
 * that the facts call unverified are shown to people and never decided upon.
 */
export function lastMessageId(text: string): string | undefined {
  return [...text.matchAll(/\b0042-\d{3}\b/g)].at(-1)?.[0];
}

/** Warnings carry numbers too, and decide nothing. */
export function withoutWarnings(text: string): string {
  return text
    .split('\n')
    .filter((line) => !/\bwarning:/i.test(line))
    .join('\n');
}

/** The verified numbers that code may look at. */
export const messageIds = {
  noSuchObject: '0042-053',
  machineHoldsResources: '0042-052',
  resourceIsAllocated: '0042-061',
  cannotConnect: '0042-006',
  interrupted: '0042-002',
  nameTaken: '0042-032',
  locationTaken: '0042-081',
} as const;

/** An error of a NIM command: the number, the whole text, the object and the command, as item 7 of the facts wants it. */
export class NimFailure extends Error {
  override readonly name = 'NimFailure';
  readonly id: string | undefined;
  readonly command: string;
  readonly object: string;
  readonly ran: Ran;

  constructor(command: string, object: string, ran: Ran) {
    super(printable(text(ran)));
    this.id = lastMessageId(withoutWarnings(`${ran.stdout}\n${ran.stderr}`));
    this.command = command;
    this.object = object;
    this.ran = ran;
  }
}

export function nimError(command: string, object: string, ran: Ran): HostlerError {
  const failure = new NimFailure(command, object, ran);
  const said = text(ran);
  return new HostlerError(
    'failed_precondition',
    `"${command}" failed for ${object}${said === '' ? ` with exit ${String(ran.exit)} and said nothing` : `: ${printable(said)}`}`,
    {
      cause: failure,
    },
  );
}

/** One line out of the wrapped ones. */
function text(ran: Ran): string {
  const said = ran.stderr.trim() === '' ? ran.stdout : ran.stderr;
  return said
    .trim()
    .replaceAll(/\s*\n\s*/g, ' ')
    .slice(-2000);
}
