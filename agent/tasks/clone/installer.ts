import { textFile } from '../../../shared/text/text-file.ts';
import type { CpioEntry } from '../image-build/initrd/cpio.ts';
import { makeInitrd } from '../image-build/initrd/make.ts';
import type { TaskContext } from '../types.ts';
import { supplementEntries } from './drivers/supplement.ts';
import { programEntries } from './programs.ts';

/** Parts of the installer, by their path in its initrd. */
const scripts = {
  'etc/install.sh': textFile(import.meta.url, './installer/install.sh'),
  'etc/clone.sh': textFile(import.meta.url, './installer/clone.sh'),
} as const;

/** What a machine needs to reach its disks, and to write to them: below lib/modules/<version>/kernel, and by name. */
const diskFolders: readonly string[] = [
  'drivers/ata',
  'drivers/block',
  'drivers/message',
  'drivers/mmc',
  'drivers/nvme',
  'drivers/scsi',
];
const otherFolders: readonly string[] = ['drivers/md', 'fs/btrfs', 'fs/ext4', 'fs/fat', 'fs/nls', 'fs/xfs'];
const diskNames: readonly string[] = ['sd_mod', 'virtio_blk', 'virtio_scsi', 'virtio_pci'];
const otherNames: readonly string[] = [
  'efivarfs',
  // Checksums of btrfs.
  ...['crc32c_generic', 'xxhash_generic', 'sha256_generic', 'blake2b_generic'],
];

export interface InstallerRequest {
  /** Whose kernel it starts with: it knows the machine that the tree was captured on. */
  readonly tree: string;
  readonly kernelver: string;
  readonly output: string;
  readonly netdrivers: readonly string[];
  readonly context: TaskContext;
}

/**
 * The initrd that installs clones: the one of netbooted nodes with disk drivers, partitioning and file system tools.
 * Returns whether it can add drivers to the clone's early system (`more_drivers` of clone.sh).
 */
export async function makeInstaller({
  tree,
  kernelver,
  output,
  netdrivers,
  context,
}: InstallerRequest): Promise<{ drivers: boolean }> {
  const { signal } = context;
  const drivers = await supplementEntries({ tree, kernelver, folders: diskFolders, names: diskNames, context });
  const entries: CpioEntry[] = [
    ...Object.entries(scripts).map(([path, text]) => ({
      path,
      kind: 'file' as const,
      mode: 0o644,
      content: Buffer.from(text),
    })),
    ...(await programEntries(signal)),
    ...drivers,
  ];
  const made = await makeInitrd({
    root: tree,
    kernelver,
    output,
    netdrivers,
    signal,
    log: (line) => context.log(line),
    more: { folders: [...diskFolders, ...otherFolders], names: [...diskNames, ...otherNames], entries },
  });
  context.log(`installer: ${made.modules} modules, ${made.bytes} bytes`);
  return { drivers: drivers.length > 0 };
}
