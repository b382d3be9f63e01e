import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Logger, type StreamEntry, destination, multistream, pino } from 'pino';

export type { Logger } from 'pino';

/** From the chattiest on. */
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export type LogLevel = (typeof logLevels)[number];

/** Fields that are never written, wherever they stand at the first two levels. */
const secretFields = [
  'password',
  'passwd',
  'secret',
  'token',
  'key',
  'privateKey',
  'proof',
  'credential',
  'authorization',
];

/** Bytes after which a log is put aside at the next start, as FILE.1. */
const longestLog = 64 * 1024 * 1024;

/** Characters kept for a disk that takes nothing; lines beyond them are dropped. */
const mostWaiting = 1024 * 1024;

export interface LogOptions {
  /** Gets everything from the level on. Its folder is made; mode 0640. */
  readonly file: string;
  readonly level: LogLevel;
  /** Warnings and worse go to standard error as well, as short lines with this in front. */
  readonly program: string;
}

/** What stands on standard error: the sentence, with the error's own where there is one. */
function shortLine(program: string, json: string): string {
  try {
    const { msg, err } = JSON.parse(json) as { msg?: string; err?: { message?: string } };
    const why = err?.message === undefined || msg?.includes(err.message) === true ? '' : ` ${err.message}`;
    return `${program}: ${msg ?? ''}${why}\n`;
  } catch {
    return json;
  }
}

function putAside(file: string): void {
  if (existsSync(file) && statSync(file).size > longestLog) renameSync(file, `${file}.1`);
}

/** Structured lines with time, level and correlation id; what could be a secret is left out. */
export function openLog({ file, level, program }: LogOptions): Logger {
  mkdirSync(dirname(file), { recursive: true, mode: 0o750 });
  putAside(file);
  const toFile = destination({ dest: file, mode: 0o640, sync: true, maxLength: mostWaiting });
  // A full disk must not end the program; what waits is written when there is room, or dropped.
  toFile.on('error', () => undefined);
  const toPeople = { write: (json: string) => void process.stderr.write(shortLine(program, json)) };
  const streams: StreamEntry[] = [
    { level, stream: toFile },
    { level: 'warn', stream: toPeople },
  ];
  return pino(
    {
      base: null,
      level,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: secretFields.flatMap((name) => [name, `*.${name}`]), censor: '[secret]' },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
    },
    multistream(streams),
  );
}
