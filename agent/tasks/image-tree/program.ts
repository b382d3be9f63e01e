import { existsSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { HostlerError } from '../../../shared/errors/error.ts';

const name = 'hostler-agent';
/** Names the file for an agent that was not started from its own one (tests, packagers). */
const variable = 'HOSTLER_AGENT_PROGRAM';

/** The agent's program, one file that runs with Node alone: what an image gets. */
export function agentProgram(): string {
  const named = process.env[variable];
  if (named !== undefined && named !== '') return named;
  const started = process.argv[1];
  if (started !== undefined && existsSync(started)) {
    const real = realpathSync(started);
    if (basename(real) === name) return real;
    const beside = join(dirname(real), name);
    if (existsSync(beside)) return beside;
  }
  const own = import.meta.url;
  if (own.startsWith('file:')) {
    for (let at = dirname(fileURLToPath(own)), level = 0; level < 5; at = dirname(at), level += 1) {
      const built = join(at, 'dist', name);
      if (existsSync(built)) return built;
    }
  }
  throw new HostlerError(
    'failed_precondition',
    `The program ${name} that goes into images was not found. Build it (npm run build), or name it in ${variable}.`,
  );
}
