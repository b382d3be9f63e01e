import { checkedLayout } from '../layout/check.ts';
import type { Layout } from '../layout/layout.ts';
import { Reader } from '../layout/reader.ts';
import { checkedEarlyText } from './early.ts';
import type { EarlyText } from './early.ts';
import { checkedPieces } from './pieces.ts';
import type { ClonePiece } from './pieces.ts';

/** What the installation of a golden tree must know besides its files. Written when the tree is packed. */
export interface CloneFacts {
  readonly format: 1;
  /** Its name; empty in facts that an earlier Hostler wrote. */
  readonly image: string;
  /** Overrides and scripts (./pieces.ts). */
  readonly pieces: readonly ClonePiece[];
  /** sha256, size and number of entries of the packed tree: the facts name everything that a clone is made of. */
  readonly tree: CloneTree;
  readonly layout: Layout;
  /** xCAT's words. */
  readonly osvers: string;
  readonly arch: string;
  /** /etc/fstab and /etc/crypttab of the captured machine; empty where there is none. */
  readonly fstab: string;
  readonly crypttab: string;
  readonly network: NetworkKind;
  readonly loader: BootLoader;
  /** Place of mdadm.conf; empty where no RAID is known. */
  readonly mdadmConf: string;
  /** The installer has drivers of disks that the captured initramfs lacks. */
  readonly drivers: boolean;
  /** What the captured initramfs has of what a root file system may need (./early.ts); absent where it is not known. */
  readonly early?: readonly string[];
  /** Files of that initramfs with ids of the golden client's disks. */
  readonly earlyTexts?: readonly EarlyText[];
}

export interface CloneTree {
  readonly digest: string;
  readonly bytes: number;
  readonly files: number;
}

/** What configures network cards on that system, as files that it reads. */
export const networkKinds = ['ifupdown', 'networkd', 'netplan', 'networkmanager', 'ifcfg', 'none'] as const;
export type NetworkKind = (typeof networkKinds)[number];

export interface BootLoader {
  /** How GRUB's programs are called, and where its configuration is. */
  readonly family: 'debian' | 'redhat' | 'suse' | 'none';
  /** Firmware that the installed packages serve. */
  readonly bios: boolean;
  readonly uefi: boolean;
  /** Folder below EFI/ on the EFI system partition: `debian`, `rocky`. */
  readonly vendor: string;
}

/** Throws `invalid_argument`. */
export function checkedFacts(value: unknown): CloneFacts {
  const top = new Reader(value, 'golden image');
  if (top.number('format') !== 1) throw top.wrong('format', '1: this image was packed by a later Hostler');
  const loader = top.inner('loader');
  const tree = top.inner('tree');
  const earlyTexts = top.list('earlyTexts', 256).map(checkedEarlyText);
  const early = top.optional('early', () => top.names('early', 64));
  return {
    format: 1,
    image: top.optional('image', () => top.matching('image', /^[\w.+-]{1,201}$/, 'the name of an image')) ?? '',
    pieces: checkedPieces(top),
    tree: {
      digest: tree.matching('digest', /^[0-9a-f]{64}$/, 'a sha256'),
      bytes: tree.size('bytes'),
      files: tree.size('files'),
    },
    layout: checkedLayout(top.value('layout')),
    osvers: top.matching('osvers', /^[\w.-]{0,60}$/, 'the name of a release'),
    arch: top.matching('arch', /^[a-z0-9_]{1,20}$/, 'an architecture'),
    fstab: top.text('fstab'),
    crypttab: top.text('crypttab'),
    network: top.oneOf('network', networkKinds),
    loader: {
      family: loader.oneOf('family', ['debian', 'redhat', 'suse', 'none']),
      bios: loader.flag('bios'),
      uefi: loader.flag('uefi'),
      vendor: loader.matching('vendor', /^[\w-]{0,40}$/, 'a plain word'),
    },
    mdadmConf: top.matching('mdadmConf', /^(?:\/etc\/(?:mdadm\/)?mdadm\.conf)?$/, 'the place of mdadm.conf'),
    drivers: top.optional('drivers', () => top.flag('drivers')) ?? false,
    ...(early !== undefined && { early }),
    ...(earlyTexts.length > 0 && { earlyTexts }),
  };
}
