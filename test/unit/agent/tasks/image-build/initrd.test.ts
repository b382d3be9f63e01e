import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cpio } from '../../../../../agent/tasks/image-build/initrd/cpio.ts';
import type { CpioEntry } from '../../../../../agent/tasks/image-build/initrd/cpio.ts';
import { isStatic } from '../../../../../agent/tasks/image-tree/elf.ts';
import {
  chooseModules,
  firmwareOf,
  moduleName,
  parseModuleTree,
  writeTables,
} from '../../../../../agent/tasks/image-build/initrd/modules.ts';
import { textFile } from '../../../../../shared/text/text-file.ts';
import { which } from '../../../../../shared/process/which.ts';

const tree = parseModuleTree({
  dep: [
    'kernel/drivers/net/ethernet/intel/e1000.ko.xz:',
    'kernel/drivers/net/ethernet/mellanox/mlx5_core.ko.xz: kernel/net/psample.ko.xz',
    'kernel/net/psample.ko.xz:',
    'kernel/fs/squashfs/squashfs.ko.xz:',
    'kernel/fs/btrfs/btrfs.ko.xz: kernel/lib/libcrc32c.ko.xz',
    'kernel/lib/libcrc32c.ko.xz:',
    'kernel/crypto/crc32c_generic.ko.xz:',
    'kernel/drivers/net/virtio-net.ko.xz:',
  ].join('\n'),
  alias:
    'alias pci:v00008086d* e1000\nalias pci:v000015B3d* mlx5_core\nalias fs-btrfs btrfs\nalias crc32c crc32c_generic\n',
  softdep: 'softdep libcrc32c pre: crc32c\n',
  builtin: 'kernel/fs/overlayfs/overlay.ko\n',
});

describe('chooseModules', () => {
  it('takes folders and names with all they need, and says what is nowhere', () => {
    const chosen = chooseModules(tree, {
      folders: ['drivers/net/ethernet'],
      names: ['virtio_net', 'overlay', 'libcrc32c', 'nosuch'],
    });
    expect(chosen.paths.map(moduleName)).toEqual([
      'crc32c_generic',
      'e1000',
      'mlx5_core',
      'virtio_net',
      'libcrc32c',
      'psample',
    ]);
    expect(chosen.unknown).toEqual(['nosuch']);
  });

  it('writes tables for those alone, uncompressed', () => {
    const { paths } = chooseModules(tree, { folders: ['drivers/net/ethernet'], names: [] });
    const tables = writeTables(tree, paths);
    expect(tables['modules.dep']).toContain(
      'kernel/drivers/net/ethernet/mellanox/mlx5_core.ko: kernel/net/psample.ko\n',
    );
    expect(tables['modules.alias']).toBe('alias pci:v00008086d* e1000\nalias pci:v000015B3d* mlx5_core\n');
  });
});

describe('firmwareOf', () => {
  it('finds names, and none that climbs', () => {
    const module = Buffer.from('ELF\0license=GPL\0firmware=bnx2x/e2.fw\0firmware=../../etc/shadow\0firmware=tg3.bin\0');
    expect(firmwareOf(module)).toEqual(['bnx2x/e2.fw', 'tg3.bin']);
  });
});

describe('isStatic', () => {
  const elf = (wide: boolean, little: boolean, types: readonly number[]): Buffer => {
    const buffer = Buffer.alloc(wide ? 64 + types.length * 56 : 64 + types.length * 32);
    buffer.writeUInt32BE(0x7f454c46, 0);
    buffer[4] = wide ? 2 : 1;
    buffer[5] = little ? 1 : 2;
    const u16 = (value: number, at: number): unknown =>
      little ? buffer.writeUInt16LE(value, at) : buffer.writeUInt16BE(value, at);
    const u32 = (value: number, at: number): unknown =>
      little ? buffer.writeUInt32LE(value, at) : buffer.writeUInt32BE(value, at);
    u32(64, wide ? (little ? 32 : 36) : 28);
    u16(wide ? 56 : 32, wide ? 54 : 42);
    u16(types.length, wide ? 56 : 44);
    types.forEach((type, index) => u32(type, 64 + index * (wide ? 56 : 32)));
    return buffer;
  };
  it.each([
    [true, true],
    [true, false],
    [false, true],
    [false, false],
  ])('64 bits %s, little-endian %s', (wide, little) => {
    expect(isStatic(elf(wide, little, [1, 1, 4]))).toBe(true);
    expect(isStatic(elf(wide, little, [1, 3, 1]))).toBe(false);
  });
  it('takes nothing else for a program', () => {
    expect(isStatic(Buffer.from('#!/bin/sh'.padEnd(100)))).toBe(false);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => typeof isStatic(Buffer.from(bytes)) === 'boolean'),
    );
  });
});

async function archive(entries: readonly CpioEntry[]): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of cpio(entries)) pieces.push(piece);
  return Buffer.concat(pieces);
}

describe('cpio', () => {
  const entries: CpioEntry[] = [
    { path: 'dev', kind: 'folder' },
    { path: 'dev/console', kind: 'character', device: [5, 1] },
    { path: 'init', kind: 'file', mode: 0o755, content: Buffer.from('hello') },
    { path: 'sbin', kind: 'link', target: 'bin' },
  ];

  it('is what the header says, four bytes apart, the same every time', async () => {
    const bytes = await archive(entries);
    expect(bytes.length % 4).toBe(0);
    expect(bytes.subarray(0, 6).toString()).toBe('070701');
    expect(bytes.toString('latin1')).toContain('TRAILER!!!');
    expect((await archive(entries)).equals(bytes)).toBe(true);
  });

  it.skipIf(which('cpio') === undefined)('is read by cpio as it was meant (needs cpio)', async () => {
    const list = spawnSync('cpio', ['-tv', '--quiet', '-n'], { input: await archive(entries), encoding: 'utf8' });
    expect(list.status).toBe(0);
    const lines = list.stdout
      .trim()
      .split('\n')
      .map((line) => line.replace(/\s+/g, ' '));
    expect(lines[0]).toMatch(/^drwxr-xr-x 1 0 0 0 Jan 1 1970 dev$/);
    expect(lines[1]).toMatch(/^crw------- 1 0 0 5, 1 Jan 1 1970 dev\/console$/);
    expect(lines[2]).toMatch(/^-rwxr-xr-x 1 0 0 5 Jan 1 1970 init$/);
    expect(lines[3]).toMatch(/^lrwxrwxrwx 1 0 0 3 Jan 1 1970 sbin -> bin$/);
  });
});

describe('scripts', () => {
  const room = new URL('../../../../../agent/tasks/image-build/', import.meta.url).href;
  it.each(['initrd/init.sh', 'initrd/dhcp.sh', 'apt/mmdebstrap-hook.sh', 'view-hold.sh'])(
    '%s is correct shell',
    (name) => {
      const text = textFile(room, name);
      expect(spawnSync('sh', ['-n'], { input: text, encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
      if (which('shellcheck') === undefined) return;
      expect(spawnSync('shellcheck', ['--shell=sh', '-'], { input: text, encoding: 'utf8' }).stdout).toBe('');
    },
  );
});
