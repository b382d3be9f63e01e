import { mkdir, readFile, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { autoinstallConf, mountedFilesystems } from '../../../../shared/clone/systemimager/autoinstall-conf.ts';
import { clusterText } from '../../../../shared/clone/systemimager/cluster.ts';
import { replaceFile } from '../../../../shared/files/durable.ts';
import type { Layout } from '../../../../shared/layout/layout.ts';
import { cloneClusterKind, cloneClusterVersion } from '../../../../shared/task/clone-cluster.ts';
import { Fields, plainWord } from '../../image-tree/fields.ts';
import { checkedFolder } from '../../image-tree/folder.ts';
import { inside, writeInside } from '../../image-tree/inside.ts';
import { withLock } from '../../image-tree/lock.ts';
import type { Json } from '../../../../shared/verb/effect.ts';
import type { TaskKind } from '../../types.ts';
import { tableOf } from '../describe-tree.ts';
import { findPieces, pieceFolders } from '../pieces/pack.ts';

/** What SystemImager's programs look for in an image, and the folders that they look for beside it. */
export async function writeSystemImagerFiles(
  folder: string,
  tree: string,
  about: { readonly layout: Layout; readonly agent: string; readonly image: string },
): Promise<void> {
  const place = 'etc/systemimager';
  const etc = await stat(await inside(folder, 'etc'));
  await writeInside(folder, `${place}/mounted_filesystems`, mountedFilesystems(about.layout));
  const fstab = await tableOf(folder, 'etc/fstab');
  await writeInside(folder, `${place}/autoinstallscript.conf`, autoinstallConf(about.layout, fstab));
  // Its companion, the time, would make another version of every capture that found nothing new.
  await writeInside(folder, `${place}/IMAGE_RETRIEVED_FROM`, `${about.agent}\n`);
  // Equal captures are to be equal versions: nothing of now.
  for (const path of [
    `${place}/mounted_filesystems`,
    `${place}/autoinstallscript.conf`,
    `${place}/IMAGE_RETRIEVED_FROM`,
    place,
    'etc',
  ])
    await utimes(await inside(folder, path), etc.atime, etc.mtime);
  const { overrides, scripts } = pieceFolders(tree);
  for (const one of [join(overrides, about.image), scripts, join(dirname(scripts), 'pre-install')])
    await mkdir(one, { recursive: true, mode: 0o700 });
}

/** nodeset of golden images: `scripts/cluster.txt` says which node has which. */
export const cloneCluster: TaskKind = {
  kind: cloneClusterKind,
  version: cloneClusterVersion,
  roles: ['store'],
  run: async (context) => {
    const fields = new Fields(context.spec, cloneClusterKind);
    const tree = await checkedFolder(fields.text('tree'), 'The golden tree');
    const { nodes: list } = context.spec as { readonly nodes: readonly Json[] };
    const nodes = list.map((one) => {
      const of = new Fields(one, `${cloneClusterKind}.nodes`);
      return {
        host: plainWord(of.text('host'), 'The node'),
        groups: of.texts('groups').map((group) => plainWord(group, 'The group')),
        image: plainWord(of.text('image'), 'The image name'),
      };
    });
    const file = join(dirname(pieceFolders(tree).scripts), 'cluster.txt');
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await withLock(`${file}.lock`, 'wait', context.signal, async () => {
      const before = await readFile(file, 'utf8').catch(() => '');
      const { overrides } = await findPieces(tree);
      await replaceFile(file, clusterText(before, nodes, overrides), 0o644);
    });
    return { file };
  },
};
