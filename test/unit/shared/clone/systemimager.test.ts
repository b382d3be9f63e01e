import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { autoinstallConf, mountedFilesystems } from '../../../../shared/clone/systemimager/autoinstall-conf.ts';
import { clusterText } from '../../../../shared/clone/systemimager/cluster.ts';
import { lvm, mirror } from '../layout/samples.ts';

/** An XML parser that is not ours. */
function parsed(xml: string): unknown {
  const program = `
import sys, json, xml.etree.ElementTree as T
def walk(e): return {'tag': e.tag, 'of': e.attrib, 'in': [walk(c) for c in e]}
print(json.dumps(walk(T.fromstring(sys.stdin.read()))))`;
  return JSON.parse(execFileSync('python3', ['-c', program], { input: xml, encoding: 'utf8' })) as unknown;
}

interface Element {
  readonly tag: string;
  readonly of: Readonly<Record<string, string>>;
  readonly in: readonly Element[];
}

describe('autoinstallscript.conf', () => {
  const fstab =
    '# a <comment> & more\n\nUUID=ABCD-1234 /boot/efi vfat umask=0077 0 1\n/dev/sdz9 /old ext4 defaults 0 0\n';

  it('is XML with the parts that SystemImager reads, for LVM', () => {
    const root = parsed(autoinstallConf(lvm, fstab)) as Element;
    expect(root.tag).toBe('config');
    const disk = root.in.find(({ tag }) => tag === 'disk');
    expect(disk?.of).toMatchObject({ label_type: 'gpt', unit_of_measurement: 'MB' });
    expect(disk?.in.map(({ of }) => of['num'])).toEqual(lvm.disks[0]?.partitions.map(({ number }) => String(number)));
    expect(disk?.in.at(-1)?.of['size']).toBe('*');
    expect(disk?.in.some(({ of }) => of['lvm_group'] === 'vg0' && of['flags']?.includes('lvm') === true)).toBe(true);
    const groups = root.in.find(({ tag }) => tag === 'lvm')?.in ?? [];
    expect(groups.map(({ of }) => of['name'])).toEqual(['vg0']);
    expect(groups[0]?.in.map(({ of }) => of['name'])).toEqual(lvm.groups[0]?.volumes.map(({ name }) => name));
    const lines = root.in.filter(({ tag }) => tag === 'fsinfo');
    expect(lines.map(({ of }) => of['line'])).toEqual(['10', '20', '30', '40']);
    expect(lines[0]?.of['comment']).toBe('# a <comment> & more');
    expect(lines[1]?.of['comment']).toBe(' ');
    expect(lines[2]?.of).toMatchObject({ mount_dev: 'UUID=ABCD-1234', mp: '/boot/efi', fs: 'vfat' });
    expect(lines[3]?.of).toMatchObject({ real_dev: '/dev/sdz9', format: 'no' });
    expect(root.in.at(-1)?.of).toEqual({ devstyle: 'udev' });
  });

  it('names RAIDs and their members', () => {
    const root = parsed(autoinstallConf(mirror, '')) as Element;
    const raids = root.in.filter(({ tag }) => tag === 'raid');
    expect(raids.map(({ of }) => of['name'])).toEqual(mirror.raids.map(({ name }) => `/dev/${name}`));
    expect(raids[0]?.of['devices']?.split(' ')).toHaveLength(2);
  });
});

it('mounted_filesystems has lines as mount prints them, the root first', () => {
  const lines = mountedFilesystems(lvm).trim().split('\n');
  expect(lines[0]).toMatch(/^\S+ on \/ type (?:xfs|ext4) \(/);
  for (const line of lines) expect(line).toMatch(/^\S+ on \/\S* type \w+ \([\w,]+\)$/);
});

describe('cluster.txt', () => {
  it('replaces the lines of exactly those nodes', () => {
    const before = clusterText('# mine\nnode1:g:old:\nnode10:g:old:\n', [], []);
    const text = clusterText(before, [{ host: 'node1', groups: ['compute', 'all'], image: 'new' }], ['compute']);
    expect(text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))).toEqual([
      'node10:g:old:',
      'node1:compute:new:compute',
    ]);
    expect(text).toContain('# mine\n');
    expect(clusterText(text, [], [])).toBe(text);
  });

  it('gives a node without overrides one line with an empty last field', () => {
    expect(clusterText('', [{ host: 'n', groups: ['all'], image: 'i' }], [])).toMatch(/\nn:all:i:\n$/);
  });
});
