import { lstat, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { HostlerError } from '../../../shared/errors/error.ts';
import { installHint } from '../../../shared/process/hints.ts';
import { which } from '../../../shared/process/which.ts';
import type { BlobRef } from '../../../shared/task/blob.ts';
import { imagePackKind, imagePackVersion } from '../../../shared/task/image-pack.ts';
import type { ImagePackResult, ImagePackSpec } from '../../../shared/task/image-pack.ts';
import { syncPath } from '../../../shared/files/durable.ts';
import { readBuildRecord } from '../image-tree/build-record.ts';
import { explainingFullDisk } from '../image-tree/disk-full.ts';
import { placesIn, refuseMounts } from '../image-tree/folder.ts';
import { withFolderLock } from '../image-tree/lock.ts';
import { installedPackages } from '../image-tree/packages.ts';
import { removeTree, sweepFolder } from '../image-tree/remove.ts';
import type { TaskContext, TaskKind } from '../types.ts';
import { archiveTools, pack, productName, productPattern } from './archive.ts';
import { exclusionTest, readExlists } from './exlist.ts';
import { keepFile } from './keep.ts';
import { checkedPack } from './spec.ts';
import { stage } from './staging.ts';

/** packimage: `<rootimgdir>/rootimg` becomes an immutable image, known by its digest, in a store. */
export const imagePack: TaskKind = {
  kind: imagePackKind,
  version: imagePackVersion,
  roles: ['build'],
  run: async (context) => await packImage(await checkedPack(context.spec), context),
  cleanUp: async (context) => {
    const spec = await checkedPack(context.spec).catch(() => undefined);
    if (spec === undefined) return;
    await withFolderLock(spec.rootimgdir, context.signal, () => sweepFolder(spec.rootimgdir)).catch(
      (error: unknown) => {
        // Somebody else already works there, and has swept the folder.
        if (!(error instanceof HostlerError) || error.code !== 'aborted') throw error;
      },
    );
  },
};

async function packImage(spec: ImagePackSpec, context: TaskContext): Promise<ImagePackResult> {
  const { rootimgdir, method, compress } = spec;
  const { tree, packing } = placesIn(rootimgdir, context.id);
  for (const tool of [...archiveTools(method, compress), 'cp', 'flock']) {
    if (which(tool) !== undefined) continue;
    throw new HostlerError(
      'failed_precondition',
      `Command ${tool} does not exist, please make sure it is installed. To do: ${installHint(tool)}.`,
    );
  }
  if ((await lstat(tree).catch(() => undefined))?.isDirectory() !== true) {
    throw new HostlerError(
      'not_found',
      `${tree} does not exist, run genimage -o ${spec.info['osvers'] ?? ''} -p ${spec.info['profile'] ?? ''} on a server with matching architecture`,
    );
  }
  const exlist = await readExlists(spec.exlist, (path) => readFile(path, 'utf8'));
  const kept = `Make room for ${rootimgdir} and the store; an earlier image is still there.`;
  const locked = <T>(work: () => Promise<T>): Promise<T> => withFolderLock(rootimgdir, context.signal, work);
  return explainingFullDisk(`The packing of ${spec.image}`, kept, () =>
    locked(async () => {
      await sweepFolder(rootimgdir);
      await refuseMounts(tree);
      const product = join(rootimgdir, productName(method, compress));
      const fresh = `${product}.new-${process.pid}`;
      try {
        context.log(`Packing contents of ${tree}`);
        context.progress('stage', 'collecting what is packed');
        const staged = await stage({
          tree,
          staging: packing,
          image: spec.image,
          excluded: exclusionTest(exlist),
          signal: context.signal,
        });
        context.log(`${staged.packed} files and folders, ${staged.leftOut} left out`);
        await pack({ method, compress, staging: packing, newest: staged.newest, output: fresh }, context);
        await syncPath(fresh);
        const kept = await keepAll(spec, fresh, staged.uuid, context);
        await rename(fresh, product);
        await syncPath(rootimgdir);
        // Of another method: nobody shall take an old one for this version.
        for (const name of await readdir(rootimgdir)) {
          if (productPattern.test(name) && join(rootimgdir, name) !== product)
            await rm(join(rootimgdir, name), { force: true });
        }
        return kept;
      } finally {
        await rm(fresh, { force: true });
        await removeTree(packing);
      }
    }),
  );
}

/** Root, kernel, initrd and manifest into the store; the manifest says what the image is, and nothing of when or where. */
async function keepAll(
  spec: ImagePackSpec,
  packed: string,
  uuid: string,
  context: TaskContext,
): Promise<ImagePackResult> {
  const { rootimgdir, method, compress } = spec;
  const { tree } = placesIn(rootimgdir, context.id);
  const record = await readBuildRecord(rootimgdir);
  if (record === undefined)
    throw new HostlerError(
      'failed_precondition',
      `Did you run "genimage" before running "packimage"? ${rootimgdir} holds no finished build.`,
    );
  const files = [
    ['root', packed],
    ['kernel', join(rootimgdir, 'kernel')],
    ['initrd', join(rootimgdir, 'initrd-stateless.zst')],
  ] as const;
  const blobs = new Map<string, BlobRef>();
  for (const [what, file] of files) {
    if ((await lstat(file).catch(() => undefined)) === undefined) {
      throw new HostlerError(
        'not_found',
        `Did you run "genimage" before running "packimage"? ${what} cannot be found at ${file}`,
      );
    }
    blobs.set(what, await keepFile(file, what, spec.store, context));
  }
  const arch = spec.info['arch'] ?? record.arch;
  const manifest = {
    format: 1,
    image: spec.image,
    uuid,
    arch,
    kernelver: record.kernelver,
    method,
    compress,
    info: spec.info,
    files: Object.fromEntries(blobs),
    exlist: await Promise.all(
      spec.exlist.map(async (path) =>
        createHash('sha256')
          .update(await readFile(path))
          .digest('hex'),
      ),
    ),
    inputs: record.key,
    packages: await installedPackages(tree),
  };
  const manifestFile = join(context.dir, 'manifest.json');
  await writeFile(manifestFile, `${JSON.stringify(manifest, undefined, 1)}\n`);
  blobs.set('manifest', await keepFile(manifestFile, 'manifest', spec.store, context));
  const of = (what: string): { digest: string; bytes: number } => {
    const blob = blobs.get(what);
    if (blob === undefined) throw new HostlerError('internal', `The ${what} was not kept.`);
    return { digest: blob.digest, bytes: blob.bytes };
  };
  return {
    root: of('root'),
    kernel: of('kernel'),
    initrd: of('initrd'),
    manifest: of('manifest'),
    kernelver: record.kernelver,
    arch,
    method,
  };
}
