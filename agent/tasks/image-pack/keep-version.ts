import { createHash } from 'node:crypto';
import { copyFile, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hiddenDigest } from '../../../shared/identity/image-statement.ts';
import type { BlobRef } from '../../../shared/task/blob.ts';
import type { ImageManifest, ImagePackResult, ImagePackSpec } from '../../../shared/task/image-pack.ts';
import { programVersion } from '../../../shared/text/version.ts';
import type { BuildRecord } from '../image-tree/build-record.ts';
import type { HandEdit } from '../image-tree/edits.ts';
import { installedPackages } from '../image-tree/packages.ts';
import type { TaskContext } from '../types.ts';
import type { Additions } from './additions.ts';
import { billOfMaterials } from './bill-of-materials.ts';
import { keepFile } from './keep.ts';
import type { Survey } from './survey.ts';
import { addSignatureCheck } from './trust.ts';
import { addUnpacker, type Unpacker } from './unpacker.ts';

type Spec = Required<ImagePackSpec>;
type Plain = { readonly digest: string; readonly bytes: number };

interface Beside {
  readonly kernel: Plain;
  readonly initrd: Plain;
  readonly bom: Plain;
  readonly files: Plain | null;
  readonly initrdBytes: number;
  readonly checked: boolean;
  readonly packages: ImageManifest['packages'];
}

/** Everything of a version but the packed tree, and the manifest that names them all, into the store. */
export async function keepBeside(
  spec: Spec,
  from: {
    readonly tree: string;
    readonly surveyed: Survey;
    readonly additions: Additions;
    readonly work: string;
    readonly unpacker: Unpacker;
  },
  loud: TaskContext,
): Promise<Beside> {
  // The packing, which goes on meanwhile, says how far it is.
  const context: TaskContext = { ...loud, progress: () => undefined };
  const { tree, surveyed, additions, work } = from;
  const { uuid, newest } = surveyed;
  const packages = await installedPackages(tree);
  const { initrd, initrdBytes, checked } = await bootFiles(spec, from, context);
  const bill = billOfMaterials({ image: spec.image, osvers: spec.info['osvers'] ?? '', uuid, newest, packages });
  const own = additions.nodeFiles();
  return {
    kernel: plain(await keepFile(join(spec.rootimgdir, 'kernel'), 'kernel', spec.store, context)),
    initrd: plain(await keepFile(initrd, 'initrd', spec.store, context)),
    bom: await keepJson('bom', bill, spec, work, context),
    files: own === undefined ? null : await keepJson('files', own, spec, work, context),
    ...{ initrdBytes, checked, packages },
  };
}

/** The manifest, last, for it names the others. */
export async function keepManifest(
  spec: Spec,
  all: Beside & {
    readonly root: BlobRef;
    readonly record: BuildRecord;
    readonly uuid: string;
    readonly tools: Readonly<Record<string, string>>;
    readonly edits: readonly HandEdit[];
  },
  work: string,
  context: TaskContext,
): Promise<ImagePackResult> {
  const { method, compress } = spec;
  const { record, files, checked, kernel, initrd, bom } = all;
  const blobs = { root: plain(all.root), kernel, initrd, bom };
  const arch = spec.info['arch'] ?? record.arch;
  const manifest: ImageManifest = {
    format: 1,
    image: spec.image,
    uuid: all.uuid,
    arch,
    kernelver: record.kernelver,
    method,
    compress,
    info: spec.info,
    files: blobs,
    nodeFiles: files === null ? '' : hiddenDigest(files.digest),
    initrdBytes: all.initrdBytes,
    exlist: await digests(spec.exlist),
    synclists: await digests(spec.synclists),
    inputs: record.key,
    edits: all.edits.map(({ path, change, what }) => ({ path, change, what })),
    tools: { hostler: programVersion(), ...all.tools },
    packages: all.packages,
  };
  const kept = await keepJson('manifest', manifest, spec, work, context);
  return { ...blobs, files, manifest: kept, kernelver: record.kernelver, arch, method, compress, checked };
}

async function keepJson(what: string, content: object, spec: Spec, work: string, context: TaskContext): Promise<Plain> {
  const file = join(work, `${what}.json`);
  await writeFile(file, `${JSON.stringify(content, undefined, what === 'files' ? undefined : 1)}\n`, { mode: 0o600 });
  return plain(await keepFile(file, what, spec.store, context));
}

/** The initrd with what unpacks the image and what checks its signature behind it. */
async function bootFiles(
  { key, rootimgdir, image }: Spec,
  { tree, unpacker, work }: { readonly tree: string; readonly unpacker: Unpacker; readonly work: string },
  context: TaskContext,
): Promise<{ initrd: string; initrdBytes: number; checked: boolean }> {
  const built = join(rootimgdir, 'initrd-stateless.zst');
  if (key === '' && unpacker.size === 0) {
    return { initrd: built, initrdBytes: (await stat(built)).size, checked: false };
  }
  const initrd = join(work, 'initrd');
  await copyFile(built, initrd);
  await addUnpacker(initrd, unpacker, context.signal);
  const { size } = await stat(initrd);
  if (key === '') return { initrd, initrdBytes: size, checked: false };
  const checked = await addSignatureCheck(initrd, { tree, key, signal: context.signal });
  if (!checked) {
    context.log(
      `Warning: ${image} has no openssl of version 3, which would check its signature: nodes check its digest alone. ` +
        'Add openssl to the pkglist.',
    );
  }
  return { initrd, initrdBytes: size, checked };
}

async function digests(files: readonly string[]): Promise<string[]> {
  return Promise.all(
    files.map(async (file) =>
      createHash('sha256')
        .update(await readFile(file))
        .digest('hex'),
    ),
  );
}

function plain({ digest, bytes }: BlobRef): Plain {
  return { digest, bytes };
}
