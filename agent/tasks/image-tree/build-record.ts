import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile } from '../../../shared/files/durable.ts';

/** What the tree in a folder was built from; beside the tree, for packimage. */
export interface BuildRecord {
  readonly format: 1;
  /** Of everything that decides the tree, in whatever folder it is built: a part of the manifest. */
  readonly key: string;
  readonly kernelver: string;
  /** xCAT's word. */
  readonly arch: string;
}

const name = '.build.json';

export async function readBuildRecord(rootimgdir: string): Promise<BuildRecord | undefined> {
  try {
    const found: unknown = JSON.parse(await readFile(join(rootimgdir, name), 'utf8'));
    if (typeof found !== 'object' || found === null || !('format' in found) || found.format !== 1) return undefined;
    const { key, kernelver, arch } = found as Partial<Record<keyof BuildRecord, unknown>>;
    if (typeof key !== 'string' || typeof kernelver !== 'string' || typeof arch !== 'string') return undefined;
    return { format: 1, key, kernelver, arch };
  } catch {
    return undefined; // never built here, or by another version: build it
  }
}

export async function writeBuildRecord(rootimgdir: string, record: BuildRecord): Promise<void> {
  await replaceFile(join(rootimgdir, name), `${JSON.stringify(record)}\n`, 0o644);
}
