import { join } from 'node:path';
import { nimMasterVariable, openLogin } from './login/index.ts';
import { NimMaster } from './master.ts';

/** Where long work leaves its folder on a master that is reached over ssh. */
const remoteFolder = '/var/hostler/nim';

/** The master that this agent serves: this machine, or the one that the environment names. */
export function openMaster(home: string, log: (line: string) => void, signal?: AbortSignal): NimMaster {
  // Work that must not be interrupted ignores the signal by itself; the rest may end between two commands.
  const login = openLogin(process.env[nimMasterVariable], signal);
  return new NimMaster(login, { folder: login.isHere ? join(home, 'nim') : remoteFolder, log });
}
