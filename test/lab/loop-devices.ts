import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Files below a folder that loop devices of this machine are made of: one that was left behind would still be there. */
export function loopDevicesOf(folder: string): string[] {
  if (!existsSync('/sys/block')) return [];
  return readdirSync('/sys/block').flatMap((name) => {
    const file = join('/sys/block', name, 'loop/backing_file');
    const backing = existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
    return backing.startsWith(`${folder}/`) ? [backing] : [];
  });
}
