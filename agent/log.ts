import { destination, pino } from 'pino';
import type { Logger } from 'pino';

/** The agent's own log, a JSON object a line; the log of a job goes another way (agent/spool). */
export type AgentLog = Logger;

/** To a file, or to standard output. What could be a secret is never written. */
export function openLog(file?: string): AgentLog {
  const secrets = ['token', 'key', 'password', 'secret'];
  return pino(
    {
      base: null,
      formatters: { level: (level) => ({ level }) },
      redact: { paths: [...secrets, ...secrets.map((name) => `*.${name}`)], censor: '[secret]' },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
    },
    destination(file === undefined ? { fd: 1, sync: true } : { dest: file, sync: true, mkdir: true, mode: 0o600 }),
  );
}

/** A short line for people: standard error, which systemd brings to the journal and, in an image, to the console. */
export function say(line: string): void {
  process.stderr.write(`hostler: ${line}\n`);
}
