import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { imageRemoveKind, imageRemoveVersion } from '../../../shared/task/image-export.ts';
import { Fields } from '../image-tree/fields.ts';
import { checkedRootimgdir, refuseMounts } from '../image-tree/folder.ts';
import { withFolderLock } from '../image-tree/lock.ts';
import { removeTree } from '../image-tree/remove.ts';
import type { TaskKind } from '../types.ts';

/** Names of everything that genimage and packimage make in an image folder; whatever else lies there stays. */
const ours =
  /^(?:rootimg(?:\..*)?|kernel|initrd-state(?:less|lite)\.\S+|\.(?:build|boot|pack)\.json|\.tree\S*|\.lock\.pid)$/;

/** rmimage: the tree, kernel, initrds and packed copies of an image. */
export const imageRemove: TaskKind = {
  kind: imageRemoveKind,
  version: imageRemoveVersion,
  roles: ['build'],
  async run(context) {
    const folder = await checkedRootimgdir(new Fields(context.spec, 'image-remove').text('rootimgdir'));
    const removed = await withFolderLock(folder, context.signal, async () => {
      await refuseMounts(folder);
      const names = (await readdir(folder)).filter((name) => ours.test(name));
      for (const [index, name] of names.entries()) {
        context.progress('remove', name, index, names.length, 'files');
        await removeTree(join(folder, name));
      }
      return names.length;
    });
    // Gone only when nobody put anything of his own there.
    if ((await readdir(folder)).every((name) => name === '.lock')) await rm(folder, { recursive: true, force: true });
    return { removed };
  },
};
