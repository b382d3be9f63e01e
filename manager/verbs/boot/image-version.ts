import { attribute } from '../../../shared/objects/index.ts';
import type { BlobRef, StoreAccess } from '../../../shared/task/blob.ts';
import type { View } from '../../../shared/verb/view.ts';
import { builderColumn, describe, type Description } from '../image/description.ts';
import { blobOf, currentName, storeOf, testRequired, versionNamed } from '../image/versions.ts';

/** The packed version of an osimage that nodeset pins: digests, and where the files are. */
export interface ImageVersion {
  readonly image: Description;
  /** `netboot debian12-x86_64-compute` */
  readonly state: string;
  readonly digest: string;
  readonly kernel: BlobRef;
  readonly initrd: BlobRef;
  readonly root: BlobRef;
  /** What nodes are brought over mutual TLS, where the image has such files. */
  readonly files: BlobRef | undefined;
  /** Of a golden tree: what its installation must know (shared/clone/facts.ts). */
  readonly facts: BlobRef | undefined;
  /** sha256 of the manifest and the manager's signature, where nodes are to check it. */
  readonly signed: { readonly manifest: string; readonly signature: string } | undefined;
  /** squashfs, cpio or tar; clone: a golden tree. */
  readonly method: string;
  readonly store: StoreAccess;
}

export interface NoVersion {
  /** xCAT's sentence; said of each node when `everyNode`, else once. */
  readonly trouble: string;
  readonly everyNode: boolean;
}

/** What `osimage=NAME` stands for at this moment (facts section 12 for the sentences). */
export function currentVersion(known: View, name: string, server: string, install: string): ImageVersion | NoVersion {
  const once = (trouble: string): NoVersion => ({ trouble, everyNode: false });
  const image = describe(known, name);
  if (!image) return once(`Cannot find the OS image ${name} in the osimage table.`);
  const method = image.value('provmethod');
  if (method === '') return once(`osimage.provmethod for ${name} must be set.`);
  const sysclone = method === 'sysclone';
  if (method !== 'netboot' && !sysclone) {
    return once(
      `The OS image ${name} has provmethod ${method}; this version of Hostler boots netboot and sysclone images only.`,
    );
  }
  const [os, arch, profile] = [image.value('osvers'), image.value('osarch'), image.value('profile')];
  if (arch !== 'x86_64') {
    return once(
      `The OS image ${name} is for ${arch || 'no architecture'}; this version of Hostler boots x86_64 machines only.`,
    );
  }
  const folder = image.value('rootimgdir') || `${install}/netboot/${os}/${arch}/${profile}`;
  const current = currentName(known, name);
  const version = current === undefined ? undefined : versionNamed(known, current);
  if (version === undefined || version.removing) {
    if (sysclone) {
      const trouble = `There is no packed golden tree of ${name}: capture one (imgcapture NODE -t sysclone -o ${name}), or pack the one in rootimgdir (packimage ${name})`;
      return { everyNode: true, trouble };
    }
    const built = known.reported('osimage', name)?.[builderColumn] !== undefined;
    return {
      everyNode: true,
      trouble: built
        ? `No packed image for platform ${os}, architecture ${arch}, and profile ${profile} found at ${folder}/rootimg.gz ` +
          `or ${folder}/rootimg.sfs on ${server}, please run packimage (packimage ${name})`
        : `Did you run "genimage" before running "packimage"? kernel cannot be found at ${folder}/kernel on ${server}`,
    };
  }
  if (!sysclone && testRequired(known) && version.row['image.tested'] !== 'passed') {
    const state = version.row['image.tested'] === 'failed' ? 'did not pass its test' : 'was never tested';
    return once(
      `The version ${version.name} ${state}, and site.requireimagetest is set: hostler image test ${name} first, or go ` +
        `back to another version (hostler images ${name}).`,
    );
  }
  const { row } = version;
  const signature = row['image.signature'] ?? '';
  const checked = row['image.checked'] === 'yes' && signature !== '';
  const none: BlobRef = { digest: '', bytes: 0 };
  return {
    image,
    state: sysclone ? `sysclone ${os}-${arch}` : `netboot ${os}-${arch}-${profile}`,
    digest: version.root,
    kernel: blobOf(version, 'kernel') ?? none,
    initrd: blobOf(version, 'initrd') ?? none,
    root: blobOf(version, 'root') ?? none,
    files: blobOf(version, 'files'),
    facts: sysclone ? blobOf(version, 'manifest') : undefined,
    signed: checked ? { manifest: row['image.manifest'] ?? '', signature } : undefined,
    method: row['image.method'] ?? 'squashfs',
    store: storeOf(known, version),
  };
}

/** provmethod of the osimage that a node had before: a diskless one is taken back by `nodeset boot`. */
export function isDiskless(known: View, osimage: string): boolean {
  const method = attribute(known, 'osimage', osimage, 'provmethod')?.value ?? '';
  return ['netboot', 'statelite'].includes(method) || ['netboot', 'statelite'].includes(osimage);
}
