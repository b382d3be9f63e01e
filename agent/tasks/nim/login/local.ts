import { run } from '../../../../shared/process/run.ts';
import type { Login } from './types.ts';

/** The master is this very machine. */
export function localLogin(signal?: AbortSignal): Login {
  return {
    name: 'this machine',
    isHere: true,
    async run(program, args, options = {}) {
      const { exit, stdout, stderr } = await run(program, args, {
        env: { LC_ALL: 'C' },
        allowExit: 'any',
        keepBytes: 64 << 20,
        timeoutMs: options.timeoutMs ?? 600_000,
        ...(options.input === undefined ? {} : { input: options.input }),
        ...(signal === undefined ? {} : { signal }),
      });
      return { exit, stdout, stderr };
    },
  };
}
