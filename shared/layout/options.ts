import type { FilesystemType } from './layout.ts';

interface MakeOption {
  readonly value: RegExp;
  /** Arguments of the program that makes the file system. */
  readonly args: (value: string) => readonly string[];
}

const size = /^\d{1,7}$/;
const yes = /^[01]$/;
const words = /^[\^a-z0-9_-]+(?:,[\^a-z0-9_-]+)*$/;

/** ext2fs features that describe the moment, not the make. */
const ofTheMoment = new Set(['needs_recovery', 'orphan_present', 'journal_dev', 'has_snapshot', 'shared_blocks']);

const ext: Readonly<Record<string, MakeOption>> = {
  /** As `dumpe2fs -h` lists them; `none` first, so that the defaults of this machine do not come in. mke2fs(8) -O */
  features: {
    value: words,
    args: (value) => ['-O', ['none', ...value.split(',').filter((word) => !ofTheMoment.has(word))].join(',')],
  },
  blocksize: { value: size, args: (value) => ['-b', value] },
  inodesize: { value: size, args: (value) => ['-I', value] },
};

const xfs = (section: string, name: string): MakeOption => ({
  value: yes,
  args: (value) => [section, `${name}=${value}`],
});

/** What is kept of how a file system was made, by what its own tools call it, and what its mkfs is told. */
export const makeOptions: Readonly<Record<FilesystemType, Readonly<Record<string, MakeOption>>>> = {
  ext2: ext,
  ext3: ext,
  ext4: ext,
  /** The words of xfs_info; mkfs.xfs(8). */
  xfs: {
    crc: xfs('-m', 'crc'),
    finobt: xfs('-m', 'finobt'),
    rmapbt: xfs('-m', 'rmapbt'),
    reflink: xfs('-m', 'reflink'),
    bigtime: xfs('-m', 'bigtime'),
    inobtcount: xfs('-m', 'inobtcount'),
    nrext64: xfs('-i', 'nrext64'),
    ftype: xfs('-n', 'ftype'),
    bsize: { value: size, args: (value) => ['-b', `size=${value}`] },
    isize: { value: size, args: (value) => ['-i', `size=${value}`] },
  },
  btrfs: {
    nodesize: { value: size, args: (value) => ['--nodesize', value] },
    sectorsize: { value: size, args: (value) => ['--sectorsize', value] },
    csum: { value: /^(?:crc32c|xxhash|sha256|blake2)$/, args: (value) => ['--csum', value] },
  },
  vfat: { fat: { value: /^(?:12|16|32)$/, args: (value) => ['-F', value] } },
  swap: { pagesize: { value: size, args: (value) => ['--pagesize', value] } },
};
