import { randomBytes } from 'node:crypto';
import { HostlerError } from '../../shared/errors/error.ts';
import type { RevisionRecord as WireRecord } from '../../shared/wire/generated/hostler/v1/RevisionRecord.ts';
import type { RunRequest__Output } from '../../shared/wire/generated/hostler/v1/RunRequest.ts';
import type { VerbRequest } from '../jobs/types.ts';
import type { RecordedChange, RevisionRecord } from '../registry/types.ts';
import { commandLine } from './command-line.ts';

/** Bounds of a request: words, characters of one word. Standard input and files are bounded by the message's size. */
const mostWords = 20_000;
const longestWord = 256 * 1024;

function text(bytes: Buffer, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new HostlerError('invalid_argument', `The file '${path}' is not UTF-8 text.`, { cause });
  }
}

function checkWords(words: readonly string[]): void {
  if (words.length > mostWords)
    throw new HostlerError('invalid_argument', `A command may have ${mostWords} words, not ${words.length}.`);
  const bad = words.find((word) => word.length > longestWord || word.includes('\u0000'));
  if (bad !== undefined) {
    throw new HostlerError(
      'invalid_argument',
      `A word of the command is too long or holds a NUL: '${bad.slice(0, 40)}...'.`,
    );
  }
}

/** Maps from outside may have any key, `__proto__` too: their entries are read, never their properties. */
export function verbRequest(request: RunRequest__Output, user: string): VerbRequest {
  const options = Object.fromEntries(Object.entries(request.options).map(([name, { items }]) => [name, items]));
  const files = Object.fromEntries(Object.entries(request.files).map(([path, bytes]) => [path, text(bytes, path)]));
  const { verb, operands, plan, json } = request;
  checkWords([verb, ...operands, ...Object.entries(options).flat(2)]);
  const correlation = /^[\w.-]{1,64}$/.test(request.correlation) ? request.correlation : randomBytes(8).toString('hex');
  const asked = { verb, options, operands, files, plan, json };
  const input = request._input === 'input' ? { input: request.input ?? '' } : {};
  return { ...asked, ...input, user, correlation, command: commandLine(asked) };
}

function wireValues(change: RecordedChange, isSecret: (column: string) => boolean): object[] {
  return Object.entries(change.values).map(([key, [old, value]]) =>
    isSecret(key)
      ? { key, secret: true }
      : { key, ...(old !== null && { oldValue: old }), ...(value !== null && { newValue: value }) },
  );
}

/** A record of the history for outside, secret values left out. */
export function wireRecord(record: RevisionRecord, isSecret: (column: string) => boolean): WireRecord {
  const { revision, at, user, command, correlation } = record;
  const changes = record.changes.map((change) => {
    const { type, name, action } = change;
    return { type, name, action, values: wireValues(change, isSecret) };
  });
  return { revision, at, user, command, correlation, changes };
}

/** `type` or `type/name`; empty: everything. A name may hold slashes. */
export function objectQuery(object: string): { type?: string; name?: string } {
  if (object === '') return {};
  const slash = object.indexOf('/');
  return slash < 0 ? { type: object } : { type: object.slice(0, slash), name: object.slice(slash + 1) };
}
