import { textFile } from '../../../shared/text/text-file.ts';
import { makeInitrd } from '../image-build/initrd/make.ts';
import type { TaskContext } from '../types.ts';
import { programEntries } from './programs.ts';

/** Parts of the installer, by their path in its initrd. */
const scripts = {
  'etc/install.sh': textFile(import.meta.url, './installer/install.sh'),
  'etc/clone.sh': textFile(import.meta.url, './installer/clone.sh'),
} as const;

/** What a machine needs to write to its disks: below lib/modules/<version>/kernel, and by name. */
const folders: readonly string[] = [
  'drivers/ata',
  'drivers/block',
  'drivers/md',
  'drivers/message',
  'drivers/mmc',
  'drivers/nvme',
  'drivers/scsi',
  'fs/btrfs',
  'fs/ext4',
  'fs/fat',
  'fs/nls',
  'fs/xfs',
];
const names: readonly string[] = ['sd_mod', 'virtio_blk', 'virtio_scsi', 'efivarfs', 'crc32c_generic'];

export interface InstallerRequest {
  /** Whose kernel it starts with: it knows the machine that the tree was captured on. */
  readonly tree: string;
  readonly kernelver: string;
  readonly output: string;
  readonly netdrivers: readonly string[];
  readonly context: TaskContext;
}

/** The initrd that installs clones: the one of netbooted nodes with disk drivers, partitioning and file system tools. */
export async function makeInstaller({ tree, kernelver, output, netdrivers, context }: InstallerRequest): Promise<void> {
  const { signal } = context;
  const entries = [
    ...Object.entries(scripts).map(([path, text]) => ({
      path,
      kind: 'file' as const,
      mode: 0o644,
      content: Buffer.from(text),
    })),
    ...(await programEntries(signal)),
  ];
  const made = await makeInitrd({
    root: tree,
    kernelver,
    output,
    netdrivers,
    signal,
    log: (line) => context.log(line),
    more: { folders, names, entries },
  });
  context.log(`installer: ${made.modules} modules, ${made.bytes} bytes`);
}
