import { realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';

/** `name` or `dir/name` as xCAT allows in postscript lists: no dots in front, no odd characters, at most 8 deep. */
export function isPostscriptName(name: string): boolean {
  const parts = name.split('/');
  return name.length <= 255 && parts.length <= 8 && parts.every((part) => /^[A-Za-z0-9_][A-Za-z0-9_.+-]*$/.test(part));
}

/**
 * The file to send, links resolved, from the folder `postscripts` below `above` (the site's /install, or the product's share
 * folder). Undefined when it is not there or a link leads out of the folder.
 */
export async function postscriptFile(above: string, name: string): Promise<string | undefined> {
  if (!isPostscriptName(name)) return undefined;
  try {
    const folder = await realpath(join(above, 'postscripts'));
    const file = await realpath(join(folder, name));
    return file.startsWith(folder + sep) ? file : undefined;
  } catch {
    return undefined;
  }
}
