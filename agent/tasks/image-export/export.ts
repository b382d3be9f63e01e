import { copyFile, mkdir, mkdtemp, open, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { HostlerError } from '../../../shared/errors/error.ts';
import { run } from '../../../shared/process/run.ts';
import { which } from '../../../shared/process/which.ts';
import {
  bundleNames,
  imageExportKind,
  imageExportVersion,
  type ImageExportResult,
  type ImageExportSpec,
} from '../../../shared/task/image-export.ts';
import { syncPath } from '../../../shared/files/durable.ts';
import { needBlob } from '../../store/need-blob.ts';
import { packedName } from '../../../shared/task/image-pack.ts';
import { explainingFullDisk } from '../image-tree/disk-full.ts';
import { absolutePath, plainWord } from '../image-tree/fields.ts';
import { Far, tarTelling } from '../image-tree/far.ts';
import type { TaskContext, TaskKind } from '../types.ts';
import { xmlText, type Element } from './xml.ts';

/** imgexport: one file of everything that an image is. */
export const imageExport: TaskKind = {
  kind: imageExportKind,
  version: imageExportVersion,
  roles: ['build', 'store'],
  run: (context) => {
    const spec = context.spec as unknown as ImageExportSpec;
    const kept = `Make room for ${spec.bundle}; no half bundle is left there.`;
    return explainingFullDisk(`The export of ${spec.image}`, kept, () => exportImage(spec, context));
  },
};

async function exportImage(spec: ImageExportSpec, context: TaskContext): Promise<ImageExportResult> {
  const image = plainWord(spec.image, 'The image name');
  const bundle = absolutePath(spec.bundle, 'The bundle');
  if ((await stat(dirname(bundle)).catch(() => undefined))?.isDirectory() !== true) {
    throw new HostlerError('not_found', `${dirname(bundle)}, where the bundle shall be, is no folder.`);
  }
  const work = await mkdtemp(join(context.dir, 'export-'));
  const folder = join(work, image);
  await mkdir(folder);
  const names = new Map<string, string>();
  const taken = (file: string): string => {
    const known = names.get(file);
    if (known !== undefined) return known;
    let name = basename(file);
    for (let at = 2; [...names.values()].includes(name); at += 1) name = `${at}-${basename(file)}`;
    names.set(file, name);
    return name;
  };
  for (const file of [...spec.lists, ...spec.extra.map((one) => one.file)]) {
    const path = absolutePath(file, 'A file of the image');
    if (names.has(path)) continue;
    await copyFile(path, join(folder, taken(path))).catch((cause: unknown) => {
      throw new HostlerError('not_found', `${path}, which the image names, cannot be read.`, { cause });
    });
    context.log(path);
  }
  if (spec.version !== null) await addVersion(spec.version, folder, work, context);
  await writeFile(join(folder, 'manifest.xml'), manifestOf(spec, names));
  context.log(`Inside ${work}.`);
  context.log(`Compressing ${image} bundle.  Please be patient.`);
  context.progress('export', `writing ${bundle}`);
  const temporary = `${bundle}.${process.pid}.new`;
  const handle = await open(temporary, 'wx', 0o600);
  try {
    // What is large in it is compressed already.
    const program = which('pigz') === undefined ? 'gzip -n -1' : 'pigz -n -1';
    const args = ['--create', '--dereference', '--numeric-owner', '--owner=0', '--group=0', '--directory', work];
    const bytes = Object.values(spec.version?.blobs ?? {}).reduce((sum, blob) => sum + blob.bytes, 0);
    const far = new Far('export', bytes, context);
    await run('tar', [...args, ...tarTelling, `--use-compress-program=${program}`, '--', image], {
      stdoutTo: handle.fd,
      signal: context.signal,
      onLine: (line) => far.tarLine(line),
    });
    await handle.sync();
    await rename(temporary, bundle);
    await syncPath(dirname(bundle));
  } finally {
    await handle.close();
    await rm(temporary, { force: true });
    await rm(work, { recursive: true, force: true });
  }
  return { bundle, bytes: (await stat(bundle)).size, files: [...names.keys()] };
}

async function addVersion(
  version: NonNullable<ImageExportSpec['version']>,
  folder: string,
  work: string,
  context: TaskContext,
): Promise<void> {
  const root = packedName(version.method, version.compress);
  for (const [what, blob] of Object.entries(version.blobs)) {
    const name = what === 'root' ? root : bundleNames[what];
    if (name === undefined) continue;
    const { file } = await needBlob(blob.digest, version.from, work, context);
    await symlink(file, join(folder, name));
    context.log(name);
  }
  await writeFile(join(folder, 'signature'), `${version.signature}\n`);
}

function manifestOf(spec: ImageExportSpec, names: ReadonlyMap<string, string>): string {
  const leaf = (name: string, text: string): Element => ({ name, text, children: [] });
  const columns = (table: string): Element => ({
    name: table,
    text: '',
    children: Object.entries(spec.row)
      .filter(([column]) => column.startsWith(`${table}.`))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([column, value]) => leaf(column.slice(table.length + 1), value)),
  });
  const extra = spec.extra.map(({ file, folder }): Element => {
    return { name: 'extra', text: '', children: [leaf('src', names.get(file) ?? ''), leaf('dest', folder)] };
  });
  const files = [...names].map(([path, name]): Element => {
    return { name: 'file', text: '', children: [leaf('name', name), leaf('path', path)] };
  });
  const scripts = Object.entries(spec.scripts).map(([name, value]) => leaf(name, value));
  const root: Element = {
    name: 'xcatimage',
    text: '',
    children: [
      leaf('imagename', spec.image),
      columns('osimage'),
      columns('linuximage'),
      ...extra,
      ...files,
      ...scripts,
    ],
  };
  return `<?xml version="1.0" encoding="UTF-8"?>\n${xmlText(root)}`;
}
