import { attribute, commaList } from '../../../shared/objects/index.ts';
import type { BlobRef, StoreAccess } from '../../../shared/task/blob.ts';
import type { Row, View } from '../../../shared/verb/view.ts';
import { builderColumn, describe, type Description } from '../image/description.ts';

/** The packed version of an osimage that nodeset pins: digests, and where the files are. */
export interface ImageVersion {
  readonly image: Description;
  /** `netboot debian12-x86_64-compute` */
  readonly state: string;
  readonly digest: string;
  readonly kernel: BlobRef;
  readonly initrd: BlobRef;
  readonly root: BlobRef;
  /** squashfs, cpio or tar. */
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
  if (method !== 'netboot') {
    return once(`The OS image ${name} has provmethod ${method}; this version of Hostler boots netboot images only.`);
  }
  const [os, arch, profile] = [image.value('osvers'), image.value('osarch'), image.value('profile')];
  if (arch !== 'x86_64') {
    return once(
      `The OS image ${name} is for ${arch || 'no architecture'}; this version of Hostler boots x86_64 machines only.`,
    );
  }
  const folder = image.value('rootimgdir') || `${install}/netboot/${os}/${arch}/${profile}`;
  const digest = known.row('osimage', name)?.['hostler.current'] ?? '';
  const row = known.row('image', `${name}@${digest.slice(0, 12)}`);
  if (digest === '' || !row) {
    const built = known.reported('osimage', name)?.[builderColumn] !== undefined;
    return {
      everyNode: true,
      trouble: built
        ? `No packed image for platform ${os}, architecture ${arch}, and profile ${profile} found at ${folder}/rootimg.gz ` +
          `or ${folder}/rootimg.sfs on ${server}, please run packimage (packimage ${name})`
        : `Did you run "genimage" before running "packimage"? kernel cannot be found at ${folder}/kernel on ${server}`,
    };
  }
  const agent = row['image.store'] ?? '';
  return {
    image,
    state: `netboot ${os}-${arch}-${profile}`,
    digest,
    kernel: blob(row, 'kernel'),
    initrd: blob(row, 'initrd'),
    root: blob(row, 'root'),
    method: row['image.method'] ?? 'squashfs',
    store: { agent, endpoints: commaList(known.reported('agent', agent)?.['agent.store'] ?? '') },
  };
}

/** provmethod of the osimage that a node had before: a diskless one is taken back by `nodeset boot`. */
export function isDiskless(known: View, osimage: string): boolean {
  const method = attribute(known, 'osimage', osimage, 'provmethod')?.value ?? '';
  return ['netboot', 'statelite'].includes(method) || ['netboot', 'statelite'].includes(osimage);
}

function blob(row: Row, file: string): BlobRef {
  return { digest: row[`image.${file}`] ?? '', bytes: Number(row[`image.${file}bytes`] ?? 0) };
}
