import type { MediaSpec } from '../../../shared/task/media.ts';
import type { Json } from '../../../shared/verb/effect.ts';
import { absolutePath, Fields, plainWord } from '../image-tree/fields.ts';

/** Throws `invalid_argument` for what cannot be copied, or not to there. */
export function checkedMedia(spec: Json): MediaSpec {
  const fields = new Fields(spec, 'media');
  const word = (field: string, what: string): string => {
    const value = fields.text(field);
    return value === '' ? '' : plainWord(value, what);
  };
  const path = fields.text('path');
  return {
    action: fields.oneOf('action', ['inspect', 'copy']),
    medium: absolutePath(fields.text('medium'), 'The medium'),
    name: word('name', 'The name of the distribution'),
    arch: word('arch', 'The architecture'),
    path: path === '' ? '' : absolutePath(path, 'The folder'),
    installdir: absolutePath(fields.text('installdir'), 'The install directory'),
    dirpaths: fields.texts('dirpaths').filter((folder) => folder.startsWith('/')),
    nonoverwrite: fields.flag('nonoverwrite'),
  };
}
