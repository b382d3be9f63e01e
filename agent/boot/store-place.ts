import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Role } from '../../shared/identity/names.ts';

/** On a node: in the writable layer of the image, or on the disk that an administrator mounts there. */
const usualPlace = '/var/lib/hostler/store';

/**
 * The home of a booted agent is in the memory of /run, which is a fifth of the machine's at most: too little for the images
 * that a service node keeps and hands out. Its store is elsewhere.
 */
export async function placeStore(home: string, roles: readonly Role[], place = usualPlace): Promise<void> {
  if (!roles.includes('boot') && !roles.includes('store')) return;
  await mkdir(place, { recursive: true, mode: 0o700 });
  await mkdir(home, { recursive: true, mode: 0o700 });
  await symlink(place, join(home, 'store')).catch((error: unknown) => {
    // The agent was only restarted.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  });
}
