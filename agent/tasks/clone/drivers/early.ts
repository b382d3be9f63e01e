import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { earlyParts } from '../../../../shared/clone/early.ts';
import { moduleName } from '../../image-build/initrd/modules.ts';
import { existsInside } from '../../image-tree/inside.ts';
import type { TaskContext } from '../../types.ts';
import { initrdPaths } from './read-initrd.ts';
import { initrdOf } from './supplement.ts';

/** Which of `earlyParts` the initramfs of a golden tree has, or its kernel; undefined where it cannot be read. */
export async function earlyPartsOf(
  tree: string,
  kernelver: string,
  context: Pick<TaskContext, 'signal'>,
): Promise<readonly string[] | undefined> {
  const place = await initrdOf(tree, kernelver);
  const paths = place === undefined ? undefined : await initrdPaths(place.file, context.signal);
  // Without any module it may be of another kernel, or packed in a way that ends in the middle.
  if (paths?.some((path) => /lib\/modules\/[^/]+\/kernel\//.test(path)) !== true) return undefined;
  const builtin = await existsInside(tree, `lib/modules/${kernelver}/modules.builtin`);
  const inKernel = builtin === undefined ? [] : (await readFile(builtin, 'utf8')).trim().split('\n');
  const modules = new Set([...paths.filter((path) => path.includes('lib/modules/')), ...inKernel].map(moduleName));
  const programs = new Set(paths.filter((path) => /(?:^|\/)s?bin\//.test(path)).map((path) => basename(path)));
  return earlyParts.filter((part) => modules.has(part) || programs.has(part));
}
