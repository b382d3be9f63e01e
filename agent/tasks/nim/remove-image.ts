import { HostlerError } from '../../../shared/errors/error.ts';
import type { NimRemoveImageResult, NimRemoveImageSpec } from '../../../shared/task/nim.ts';
import type { NimMaster } from './master.ts';
import { first, type NimObject } from './objects.ts';
import { folderOf } from './space.ts';

/** Types whose files stay when only the definition goes, and are deleted on demand. */
const parents: readonly string[] = ['spot', 'resolv_conf'];
const files: readonly string[] = ['mksysb', 'dump', 'image_data'];

/** Removes what nothing uses; what is in use is kept and said, which is no error (NIM facts, 9.6). */
export async function removeImage(master: NimMaster, spec: NimRemoveImageSpec): Promise<NimRemoveImageResult> {
  if (await master.isEmpty()) return { removed: [], kept: [], lines: [] };
  const known = await master.showMany(spec.resources.map(({ name }) => name));
  const removed: string[] = [];
  const kept: string[] = [];
  const lines: string[] = [];
  for (const { type, name } of spec.resources) {
    const object = known.get(name);
    if (!object) continue;
    if (object.type !== type) {
      kept.push(name);
      lines.push(`The NIM object '${name}' is of type ${object.type}, not ${type}. It will not be removed.`);
      continue;
    }
    if (first(object, 'alloc_count') !== '0' && object.attributes.has('alloc_count')) {
      kept.push(name);
      lines.push(`The resource named '${name}' is currently allocated. It will not be removed.`);
      continue;
    }
    await master.nim('remove', name);
    if (await master.show(name))
      throw new HostlerError('internal', `NIM reported success, but ${name} is still defined.`);
    removed.push(name);
    lines.push(`Removed the NIM resource named '${name}'.`);
    if (spec.deleteFiles) await deleteFiles(master, spec.base, object, lines);
  }
  return { removed, kept, lines };
}

/** Only below the configured base, and only what the object itself had recorded as its place (facts, section 16). */
async function deleteFiles(master: NimMaster, base: string, object: NimObject, lines: string[]): Promise<void> {
  const location = first(object, 'location');
  if (files.includes(object.type) || location === '') return;
  const target = parents.includes(object.type) ? folderOf(location) : location;
  if (!isBelow(target, base)) {
    lines.push(`The files of '${object.name}' stay: ${target} does not lie below ${base}.`);
    return;
  }
  await master.tool('rm', ['-rf', target]);
}

export function isBelow(path: string, base: string): boolean {
  const parts = path.split('/');
  return (
    base.startsWith('/') &&
    base !== '/' &&
    path.startsWith(`${base.replace(/\/+$/, '')}/`) &&
    !parts.includes('..') &&
    !parts.includes('.') &&
    path.length > base.length + 1
  );
}
