import type { MediaCalled, MediaCopySpec, MediaLookSpec } from '../../../shared/task/media.ts';
import type { Json } from '../../../shared/verb/effect.ts';
import { absolutePath, Fields, plainWord } from '../image-tree/fields.ts';

/** Throws `invalid_argument` for what cannot be looked at or copied. */
export function checkedMedia(spec: Json): MediaLookSpec | MediaCopySpec {
  const fields = new Fields(spec, 'media');
  const called = checkedCalled(fields);
  const medium = (path: string): string => absolutePath(path, 'The medium');
  if (fields.oneOf('action', ['look', 'copy']) === 'look') {
    return { action: 'look', media: fields.texts('media').map(medium), ...called };
  }
  return {
    action: 'copy',
    medium: medium(fields.text('medium')),
    dirpaths: fields.texts('dirpaths').filter((folder) => folder.startsWith('/')),
    nonoverwrite: fields.flag('nonoverwrite'),
    ...called,
  };
}

function checkedCalled(fields: Fields): MediaCalled {
  const word = (field: string, what: string): string => {
    const value = fields.text(field);
    return value === '' ? '' : plainWord(value, what);
  };
  const path = fields.text('path');
  return {
    name: word('name', 'The name of the distribution'),
    arch: word('arch', 'The architecture'),
    path: path === '' ? '' : absolutePath(path, 'The folder'),
    installdir: absolutePath(fields.text('installdir'), 'The install directory'),
  };
}
