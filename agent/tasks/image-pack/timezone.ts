import { relative, sep } from 'node:path';
import { HostlerError } from '../../../shared/errors/error.ts';
import type { HandEdit } from '../image-tree/edits.ts';
import { existsInside } from '../image-tree/inside.ts';
import type { Additions } from './additions.ts';
import type { Exclusions } from './exlist.ts';

const folder = 'usr/share/zoneinfo';

/** site.timezone, a name such as `Europe/Berlin`; throws `invalid_argument` for what leads elsewhere. Empty: none. */
export function checkedTimezone(zone: string): string {
  if (zone === '' || /^[A-Za-z0-9][\w+-]*(?:\/[A-Za-z0-9][\w+-]*)*$/.test(zone)) return zone;
  throw new HostlerError(
    'invalid_argument',
    `site.timezone ${JSON.stringify(zone.slice(0, 60))} is not the name of a time zone such as Europe/Berlin.`,
  );
}

/** What somebody set in the tree by hand wins, as every edit does. */
export function zoneBeside(zone: string, edits: readonly Pick<HandEdit, 'path'>[]): string {
  return edits.some(({ path }) => path === './etc/localtime') ? '' : zone;
}

/** The file of the time zone is packed whatever the exclude lists say, and so is the one that it is a link to. */
export async function withTimezone(exclusions: Exclusions, zone: string, tree: string): Promise<Exclusions> {
  const file = zone === '' ? undefined : await existsInside(tree, `${folder}/${zone}`);
  if (file === undefined) return exclusions;
  const real = `./${relative(tree, file).split(sep).join('/')}`;
  return { ...exclusions, takeIn: [...exclusions.takeIn, `./${folder}/${zone}`, real] };
}

/** Nodes of the image have that time. Returns a remark where they cannot. */
export async function setTimezone(zone: string, tree: string, additions: Additions): Promise<string | undefined> {
  if (zone === '') return undefined;
  const path = `${folder}/${zone}`;
  if ((await existsInside(tree, path)) === undefined)
    // Without any time zone that is what a node has.
    return /^(?:Etc\/)?(?:UTC|UCT|Universal|Zulu)$/.test(zone)
      ? undefined
      : `site.timezone is ${zone}, but the image has no ${path}: its time zone stays as it is. Add tzdata to the pkglist.`;
  await additions.replace('etc/localtime', `../${path}`);
  // Debian's own programs read the name.
  if ((await existsInside(tree, 'etc/timezone')) !== undefined) await additions.put('etc/timezone', `${zone}\n`);
  return undefined;
}
