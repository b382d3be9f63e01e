import { HostlerError } from '../../../../shared/errors/error.ts';
import { meaningfulLines } from '../../../../shared/process/failure.ts';
import { run } from '../../../../shared/process/run.ts';
import { quotedLine } from '../../../../shared/text/shell-words.ts';
import type { Login } from './types.ts';

export interface SshTarget {
  readonly user: string;
  readonly host: string;
  readonly port: number;
}

/** `ssh://[user@]host[:port]`; undefined when it is not of that form. */
export function parseSshTarget(text: string): SshTarget | undefined {
  const match =
    /^ssh:\/\/(?:([A-Za-z_][A-Za-z0-9_.-]*)@)?([A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:]+\])(?::(\d{1,5}))?$/.exec(text);
  if (match?.[2] === undefined) return undefined;
  return { user: match[1] ?? 'root', host: match[2].replaceAll(/[[\]]/g, ''), port: Number(match[3] ?? 22) };
}

/** Printed on standard error after the program ended: without it the connection broke, whatever ssh's exit code says. */
const marker = 'hostler-exit:';

/**
 * A master that is reached over ssh, for AIX levels without a Node.js. The other side gets POSIX sh only. The program
 * runs below a shell that outlives a broken connection; only work that may be interrupted is run this way (see
 * lasting.ts for the rest).
 */
export function sshLogin(target: SshTarget, signal?: AbortSignal): Login {
  const name = `${target.user}@${target.host}`;
  return {
    name,
    isHere: false,
    async run(program, args, options = {}) {
      const line = `LC_ALL=C; export LC_ALL; ${quotedLine([program, ...args])}; echo "${marker}$?" >&2`;
      const common = [
        '-o',
        'BatchMode=yes',
        '-o',
        'ConnectTimeout=20',
        '-o',
        'ServerAliveInterval=15',
        '-o',
        'ServerAliveCountMax=4',
      ];
      const { stdout, stderr } = await run(
        'ssh',
        [...common, '-p', String(target.port), '-l', target.user, '--', target.host, line],
        {
          allowExit: 'any',
          keepBytes: 64 << 20,
          timeoutMs: options.timeoutMs ?? 600_000,
          ...(options.input === undefined ? {} : { input: options.input }),
          ...(signal === undefined ? {} : { signal }),
        },
      );
      const end = stderr.lastIndexOf(marker);
      const exit = end < 0 ? undefined : /^(\d+)\s*$/.exec(stderr.slice(end + marker.length))?.[1];
      if (exit === undefined) {
        throw new HostlerError(
          'unavailable',
          `The NIM master ${name} could not be reached over ssh: ${meaningfulLines(stderr) || 'the connection ended'}. ` +
            'Check the address, that sshd runs there, and that its host key and our public key are known.',
        );
      }
      return { exit: Number(exit), stdout, stderr: stderr.slice(0, end) };
    },
  };
}
