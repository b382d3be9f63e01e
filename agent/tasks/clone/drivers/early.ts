import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { earlyParts, speaksOf } from '../../../../shared/clone/early.ts';
import type { EarlyText } from '../../../../shared/clone/early.ts';
import type { Layout } from '../../../../shared/layout/layout.ts';
import { moduleName } from '../../image-build/initrd/modules.ts';
import { existsInside } from '../../image-tree/inside.ts';
import type { TaskContext } from '../../types.ts';
import { initrdContents, initrdPaths } from './read-initrd.ts';
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

/** What no configuration is larger than. */
const textBytes = 16 * 1024;

/**
 * Files of the initramfs that name disks, RAIDs or swap of the golden client by their ids (where to resume from, which
 * RAIDs there are, what to wait for): a clone gets them with its own ids. Empty where it cannot be read.
 */
export async function earlyTextsOf(
  tree: string,
  kernelver: string,
  layout: Layout,
  context: Pick<TaskContext, 'signal'>,
): Promise<readonly EarlyText[]> {
  const place = await initrdOf(tree, kernelver);
  if (place === undefined) return [];
  const small = (await initrdContents(place.file, textBytes, context.signal))?.small ?? new Map<string, Buffer>();
  return [...small]
    .map(([path, content]) => ({ initrd: `/${place.path}`, path, text: content.toString('utf8'), content }))
    .filter(({ text, content }) => !text.includes('\0') && Buffer.from(text).equals(content) && speaksOf(text, layout))
    .map(({ initrd, path, text }) => ({ initrd, path, text }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}
