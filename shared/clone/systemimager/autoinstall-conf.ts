import type { Disk, Filesystem, Layout, Partition } from '../../layout/layout.ts';
import { isBiosBoot, isEsp, isExtended, partitionTypes } from '../../layout/layout.ts';

/*
 * The two files by which SystemImager's programs know an image (facts systemimager.md, sections 1 and 3): written
 * beside our own layout, so that they find in our images what they find in theirs.
 */

/** `etc/systemimager/autoinstallscript.conf`: disks, partitions, RAID, LVM and lines of fstab as XML. */
export function autoinstallConf(layout: Layout, fstab: string): string {
  return [
    '<!-- Written by Hostler; the layout that it installs from is beside the scripts. -->',
    '<config>',
    ...layout.disks.flatMap((disk) => diskLines(layout, disk)),
    ...layout.raids.map(
      (raid) =>
        `  <raid${attributes({
          name: `/dev/${raid.name}`,
          raid_level: raid.level,
          raid_devices: String(raid.members.length),
          spare_devices: '0',
          persistence: 'yes',
          chunk_size: raid.chunkBytes === undefined ? undefined : `${raid.chunkBytes / 1024}K`,
          lvm_group: groupOf(layout, raid.name),
          devices: raid.members.map((member) => deviceOf(layout, member)).join(' '),
        })} />`,
    ),
    ...(layout.groups.length === 0 ? [] : lvmLines(layout)),
    ...fstabLines(layout, fstab),
    '  <boel devstyle="udev" />',
    '</config>',
    '',
  ].join('\n');
}

/** `etc/systemimager/mounted_filesystems`: what plain `mount` prints, one line a mount. */
export function mountedFilesystems(layout: Layout): string {
  const lines = layout.filesystems.flatMap((filesystem) =>
    filesystem.mounts.map(({ at }) => `${nameOf(layout, filesystem)} on ${at} type ${filesystem.type} (rw,relatime)\n`),
  );
  return lines.sort((a, b) => (a.split(' ')[2] ?? '').length - (b.split(' ')[2] ?? '').length).join('');
}

function diskLines(layout: Layout, disk: Disk): string[] {
  const last = disk.partitions.filter((one) => !isExtended(disk, one)).at(-1)?.number;
  const extended = disk.partitions.find((one) => isExtended(disk, one));
  const parts = disk.partitions.map((one) => {
    // The partition that ends last takes the rest, as SystemImager writes it; and the extended one around it.
    const rest = one.number === last || (one === extended && (last ?? 0) > 4);
    return `    <part${attributes({
      num: String(one.number),
      size: rest ? '*' : String(Math.ceil(one.bytes / 1e6)),
      p_type: one === extended ? 'extended' : disk.table === 'mbr' && one.number > 4 ? 'logical' : 'primary',
      p_name: one.label?.replace(/\s/g, '_') ?? '-',
      flags: flagsOf(layout, disk, one),
      id: one.type === partitionTypes.mbr.prep || one.type === partitionTypes.gpt.prep ? '41' : undefined,
      lvm_group: groupOf(layout, one.name),
    })} />`;
  });
  const head = attributes({
    dev: diskDevice(layout, disk),
    label_type: disk.table === 'gpt' ? 'gpt' : 'msdos',
    unit_of_measurement: 'MB',
  });
  return [`  <disk${head}>`, ...parts, '  </disk>'];
}

function flagsOf(layout: Layout, disk: Disk, one: Partition): string {
  const flags = [
    ...(one.active === true || isEsp(disk, one) ? ['boot'] : []),
    ...(isBiosBoot(disk, one) ? ['bios_grub'] : []),
    ...(layout.raids.some(({ members }) => members.includes(one.name)) ? ['raid'] : []),
    ...(groupOf(layout, one.name) === undefined ? [] : ['lvm']),
  ];
  return flags.length === 0 ? '-' : flags.join(',');
}

function lvmLines(layout: Layout): string[] {
  return [
    '  <lvm version="2">',
    ...layout.groups.flatMap((group) => [
      `    <lvm_group${attributes({
        name: group.name,
        max_log_vols: '0',
        max_phys_vols: '0',
        phys_extent_size: `${group.extentBytes / 1024}K`,
      })}>`,
      ...group.volumes.map(
        (one) => `      <lv${attributes({ name: one.name, size: `${Math.ceil(one.bytes / 1024)}K` })} />`,
      ),
      '    </lvm_group>',
    ]),
    '  </lvm>',
  ];
}

/** The captured machine's own table, line by line; a comment stays one. */
function fstabLines(layout: Layout, fstab: string): string[] {
  return fstab
    .replace(/\n$/, '')
    .split('\n')
    .map((text, index) => {
      const line = String((index + 1) * 10);
      const [what = '', mp = '', fs = '', options = 'defaults', dump = '0', pass = '0'] = text.trim().split(/\s+/);
      if (text.trim() === '' || text.trim().startsWith('#') || fs === '')
        return `  <fsinfo${attributes({ line, comment: text === '' ? ' ' : text })} />`;
      const found = layout.filesystems.find((one) => isMeant(one, what));
      const real = found === undefined ? what : nameOf(layout, found);
      const mounted = found !== undefined && (found.mounts.length > 0 || found.type === 'swap');
      return `  <fsinfo${attributes({
        line,
        real_dev: real,
        mount_dev: real === what ? undefined : what,
        mp,
        fs,
        options,
        dump,
        pass,
        format: mounted ? undefined : 'no',
      })} />`;
    });
}

function isMeant(one: Filesystem, what: string): boolean {
  const [key = '', value = ''] = what.split('=');
  if (/^UUID$/i.test(key)) return one.uuid.toLowerCase() === value.toLowerCase();
  if (/^LABEL$/i.test(key)) return one.label === value;
  if (/^PARTUUID$/i.test(key)) return one.partuuid?.toLowerCase() === value.toLowerCase();
  return one.names?.includes(what) === true;
}

function groupOf(layout: Layout, name: string): string | undefined {
  return layout.groups.find(({ members }) => members.includes(name))?.name;
}

/** As the captured machine called it, where the layout has that; else by the part's place. */
function nameOf(layout: Layout, { names, on }: Filesystem): string {
  return names?.[0] ?? deviceOf(layout, on);
}

function deviceOf(layout: Layout, name: string): string {
  const known = layout.filesystems.find(({ on }) => on === name)?.names?.[0];
  if (known !== undefined) return known;
  if (name.includes('/')) return `/dev/${name}`;
  const [disk = '', number] = name.split('.');
  const found = layout.disks.find((one) => one.name === disk);
  if (found === undefined || number === undefined) return `/dev/${name}`;
  const device = diskDevice(layout, found);
  return `${device}${/\d$/.test(device) ? 'p' : ''}${number}`;
}

/** The disk's own name, from what a partition on it was called; else sda, sdb ... in order. */
function diskDevice(layout: Layout, disk: Disk): string {
  for (const { name, number } of disk.partitions) {
    const known = layout.filesystems.find(({ on }) => on === name)?.names?.[0] ?? '';
    const match = new RegExp(`^(/dev/(?:[sv]d[a-z]+|nvme\\d+n\\d+|mmcblk\\d+))p?${number}$`).exec(known);
    if (match?.[1] !== undefined) return match[1];
  }
  return `/dev/sd${String.fromCharCode(97 + Math.max(0, layout.disks.indexOf(disk)))}`;
}

function attributes(of: Readonly<Record<string, string | undefined>>): string {
  return Object.entries(of)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}="${escaped(value ?? '')}"`)
    .join('');
}

function escaped(text: string): string {
  const names: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return text.replace(/[&<>"]/g, (sign) => names[sign] ?? '').replace(/[\t\n\r]/g, ' ');
}
