import { dirname, join } from 'node:path';
import type { Asked } from '../../../shared/verb/asked.ts';

/** Where configuration of services goes: /etc of a machine, or beside the hosts file of a manager of one's own. */
export function etc(asked: Asked, ...path: readonly string[]): string {
  return join(dirname(asked.folders.hostsFile), ...path);
}

/** True when the manager keeps the machine's own files. */
export function ofMachine(asked: Asked): boolean {
  return dirname(asked.folders.hostsFile) === '/etc';
}
