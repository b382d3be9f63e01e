import { HostlerError } from '../../../shared/errors/error.ts';
import { imageListsKind, imageListsVersion, mostListSearches } from '../../../shared/task/image-lists.ts';
import type { ImageListsResult, ImageListsSpec, ListSearch } from '../../../shared/task/image-lists.ts';
import type { ProfileFiles } from '../../../shared/task/media.ts';
import type { Json } from '../../../shared/verb/effect.ts';
import { absolutePath, Fields, plainWord } from '../image-tree/fields.ts';
import type { TaskContext, TaskKind } from '../types.ts';
import { filesOfProfile, shareFolder } from './lists.ts';

/** mkdef -u, chdef -u, lsdef --osimage: which lists there are for a profile. Reads names of files, nothing else. */
export const imageLists: TaskKind = {
  kind: imageListsKind,
  version: imageListsVersion,
  // Where copycds looks for the same files.
  roles: ['build', 'store'],
  run: (context) => look(context),
};

async function look({ spec, signal }: TaskContext): Promise<ImageListsResult> {
  const { installdir, searches } = checked(spec);
  const share = shareFolder();
  const found: ProfileFiles[] = [];
  for (const search of searches) {
    signal.throwIfAborted();
    found.push(await filesOfProfile(search, installdir, share));
  }
  return { found };
}

function checked(spec: Json): ImageListsSpec {
  const fields = new Fields(spec, imageListsKind);
  const { searches } = spec as { readonly searches?: Json };
  if (!Array.isArray(searches) || searches.length > mostListSearches) {
    throw new HostlerError(
      'invalid_argument',
      `The task cannot be done: it needs at most ${mostListSearches} searches.`,
    );
  }
  return {
    installdir: absolutePath(fields.text('installdir'), 'The install directory'),
    searches: searches.map((search: Json) => checkedSearch(new Fields(search, `${imageListsKind}.searches`))),
  };
}

function checkedSearch(fields: Fields): ListSearch {
  return {
    mode: fields.oneOf('mode', ['install', 'netboot']),
    profile: plainWord(fields.text('profile'), 'The profile'),
    osvers: plainWord(fields.text('osvers'), 'osvers'),
    osarch: plainWord(fields.text('osarch'), 'osarch'),
  };
}
