import type { Filesystem, Layout } from '../../../shared/layout/layout.ts';
import { megabytes } from './text.ts';

/** A disk layout for people: one line a part, what rests on it behind it. */
export function layoutLines(layout: Layout): string[] {
  const on = (name: string): string => {
    const found = layout.filesystems.filter((one) => one.on === name).map(filesystemText);
    const raid = layout.raids.find(({ members }) => members.includes(name));
    const group = layout.groups.find(({ members }) => members.includes(name));
    const all = [...found, ...(raid ? [`in ${raid.name}`] : []), ...(group ? [`in group ${group.name}`] : [])];
    return all.length === 0 ? '' : `: ${all.join(', ')}`;
  };
  return [
    `firmware ${layout.firmware}`,
    ...layout.disks.flatMap((disk) => [
      `${disk.name} ${size(disk.bytes)} ${disk.table}`,
      ...disk.partitions.map((one) => `  ${one.name} ${size(one.bytes)}${one.grow ? ' grows' : ''}${on(one.name)}`),
    ]),
    ...layout.raids.map((raid) => `${raid.name} ${raid.level} of ${raid.members.join(', ')}${on(raid.name)}`),
    ...layout.groups.flatMap((group) => [
      `group ${group.name} of ${group.members.join(', ')}`,
      ...group.volumes.map((one) => {
        const name = `${group.name}/${one.name}`;
        return `  ${name} ${size(one.bytes)}${one.grow ? ' grows' : ''}${on(name)}`;
      }),
    ]),
  ];
}

function filesystemText({ type, mounts }: Filesystem): string {
  const at = mounts.map((mount) => (mount.subvolume ? `${mount.at} (${mount.subvolume})` : mount.at));
  return at.length === 0 ? type : `${type} at ${at.join(', ')}`;
}

function size(bytes: number): string {
  return bytes < 1e9 ? megabytes(bytes) : `${(bytes / 1e9).toFixed(1)} GB`;
}
