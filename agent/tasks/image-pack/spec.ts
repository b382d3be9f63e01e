import { HostlerError } from '../../../shared/errors/error.ts';
import { isPublicKey } from '../../../shared/identity/image-statement.ts';
import type { ImagePackSpec } from '../../../shared/task/image-pack.ts';
import type { Json } from '../../../shared/verb/effect.ts';
import { absolutePath, Fields, plainWord } from '../image-tree/fields.ts';
import { checkedRootimgdir } from '../image-tree/folder.ts';
import { checkedTimezone } from './timezone.ts';

/** Throws `invalid_argument` for what no image can be packed of. */
export async function checkedPack(spec: Json): Promise<Required<ImagePackSpec>> {
  const whole = {
    synclists: [],
    broughtSynclists: false,
    key: '',
    rootPassword: '',
    timezone: '',
    ...(spec as object),
  };
  const fields = new Fields(whole, 'image-pack');
  const store = fields.inner('store');
  const method = fields.oneOf('method', ['squashfs', 'cpio', 'tar']);
  const compress = fields.oneOf('compress', ['zstd', 'gzip', 'pigz', 'xz', 'lz4']);
  const key = fields.text('key');
  if (key !== '' && !isPublicKey(key)) {
    throw new HostlerError('invalid_argument', 'The task cannot be done: image-pack.key is no public key.');
  }
  return {
    method,
    compress,
    key,
    rootPassword: fields.text('rootPassword'),
    timezone: checkedTimezone(fields.text('timezone')),
    image: plainWord(fields.text('image'), 'The image name'),
    rootimgdir: await checkedRootimgdir(fields.text('rootimgdir')),
    exlist: fields.texts('exlist').map((path) => absolutePath(path, 'The exlist')),
    synclists: fields.texts('synclists').map((path) => absolutePath(path, 'The synclist')),
    broughtSynclists: fields.flag('broughtSynclists'),
    store: { agent: store.text('agent'), endpoints: store.texts('endpoints') },
    info: fields.record('info'),
  };
}
