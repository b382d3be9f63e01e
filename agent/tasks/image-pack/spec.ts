import { HostlerError } from '../../../shared/errors/error.ts';
import type { ImagePackSpec } from '../../../shared/task/image-pack.ts';
import type { Json } from '../../../shared/verb/effect.ts';
import { absolutePath, Fields, plainWord } from '../image-tree/fields.ts';
import { checkedRootimgdir } from '../image-tree/folder.ts';

/** Throws `invalid_argument` for what no image can be packed of. */
export async function checkedPack(spec: Json): Promise<ImagePackSpec> {
  const fields = new Fields(spec, 'image-pack');
  const store = fields.inner('store');
  const method = fields.oneOf('method', ['squashfs', 'cpio', 'tar']);
  const compress = fields.oneOf('compress', ['zstd', 'gzip', 'pigz', 'xz', 'lz4']);
  if (method !== 'squashfs' && (compress === 'zstd' || compress === 'lz4')) {
    throw new HostlerError(
      'invalid_argument',
      `A ${method} image cannot be compressed with ${compress}: the node's initrd unpacks gzip and xz. squashfs can.`,
    );
  }
  return {
    method,
    compress,
    image: plainWord(fields.text('image'), 'The image name'),
    rootimgdir: await checkedRootimgdir(fields.text('rootimgdir')),
    exlist: fields.texts('exlist').map((path) => absolutePath(path, 'The exlist')),
    store: { agent: store.text('agent'), endpoints: store.texts('endpoints') },
    info: fields.record('info'),
  };
}
