import type { Ids } from './ids.ts';
import { renamed, withNewIds } from './ids.ts';
import type { Layout, Mount } from './layout.ts';

/**
 * fstab(5) of the captured machine for the new file systems: ids are replaced, device files that may be called otherwise
 * here become ids, a file system that the layout has and the table has not is added. Lines about what the layout does
 * not know (NFS, tmpfs, labels, volumes by name) stay as they are, comments too.
 */
export function fittedFstab(text: string, layout: Layout, ids: Ids): string {
  const table = fittedTable(text, 0, layout, ids);
  const mounted = new Set(
    table.split('\n').flatMap((line) => (/^\s*#/.test(line) ? [] : [line.trim().split(/\s+/)[1] ?? ''])),
  );
  const swaps = table.split('\n').some((row) => !/^\s*#/.test(row) && row.trim().split(/\s+/)[2] === 'swap');
  const added = layout.filesystems.flatMap(({ on, type, mounts, uuid }) => {
    // Only what the planner or a hand put in: what the captured machine did not mount by its table it mounts in another way.
    if (uuid !== '') return [];
    const id = ids.filesystems.get(on) ?? '';
    if (type === 'swap') return swaps ? [] : [`UUID=${id} none swap sw 0 0\n`];
    return mounts.filter(({ at }) => !mounted.has(at)).map((mount) => line(id, mount, type));
  });
  return added.length === 0 ? table : `${table.replace(/\n*$/, '\n')}${added.join('')}`;
}

/** crypttab(5) and the like: `column` is where the device stands. */
export function fittedTable(text: string, column: number, layout: Layout, ids: Ids): string {
  const names = renamed(layout, ids);
  const devices = new Map(
    layout.filesystems.flatMap(({ on, names: called }) =>
      (called ?? [])
        .filter((name) => !survives(name, layout))
        .map((name) => [name, ids.filesystems.get(on) ?? ''] as const),
    ),
  );
  return text
    .split('\n')
    .map((line) => {
      if (/^\s*(?:#|$)/.test(line)) return line;
      // The blanks between the fields stay, so that a table that was aligned by hand still is.
      const parts = line.split(/(\s+)/);
      const at = (parts[0] === '' ? 2 : 0) + column * 2;
      const field = parts[at];
      if (field === undefined) return line;
      const id = devices.get(field);
      parts[at] = id === undefined ? withNewIds(field, names) : `UUID=${id}`;
      return parts.join('');
    })
    .join('\n');
}

/** Volumes are called as before; so are RAIDs that are named by their own name. */
function survives(device: string, layout: Layout): boolean {
  return device.startsWith('/dev/mapper/') || layout.groups.some(({ name }) => device.startsWith(`/dev/${name}/`));
}

function line(uuid: string, { at, subvolume }: Mount, type: string): string {
  const options = type === 'vfat' ? 'umask=0077' : subvolume === undefined ? 'defaults' : `subvol=/${subvolume}`;
  return `UUID=${uuid} ${at} ${type} ${options} 0 ${at === '/' ? 1 : 2}\n`;
}
