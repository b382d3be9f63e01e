import { HostlerError } from '../../../../shared/errors/error.ts';
import { localLogin } from './local.ts';
import { parseSshTarget, sshLogin } from './ssh.ts';
import type { Login } from './types.ts';

export type { Login, Ran, RunInput } from './types.ts';

/** The one switch: unset or `local`: this machine is the master; `ssh://[user@]host[:port]`: it is reached from here. */
export const nimMasterVariable = 'HOSTLER_NIM_MASTER';

export function openLogin(where: string | undefined, signal?: AbortSignal): Login {
  if (where === undefined || where === '' || where === 'local') return localLogin(signal);
  const target = parseSshTarget(where);
  if (!target)
    throw new HostlerError(
      'invalid_argument',
      `${nimMasterVariable} is "${where}". It must be "local" or "ssh://[user@]host[:port]".`,
    );
  return sshLogin(target, signal);
}
