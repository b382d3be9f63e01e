import { chmod, copyFile, lstat, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { HostlerError } from '../../../shared/errors/error.ts';
import { installHint } from '../../../shared/process/hints.ts';
import { hiddenDigest } from '../../../shared/identity/image-statement.ts';
import { which } from '../../../shared/process/which.ts';
import type { BlobRef } from '../../../shared/task/blob.ts';
import { imagePackKind, imagePackVersion } from '../../../shared/task/image-pack.ts';
import type { ImageManifest, ImagePackResult, ImagePackSpec } from '../../../shared/task/image-pack.ts';
import { programVersion } from '../../../shared/text/version.ts';
import { readListFile } from '../image-build/list-file.ts';
import { readBuildRecord } from '../image-tree/build-record.ts';
import type { BuildRecord } from '../image-tree/build-record.ts';
import { scanTree, type HandEdit } from '../image-tree/edits.ts';
import { explainingFullDisk } from '../image-tree/disk-full.ts';
import { placesIn, refuseMounts } from '../image-tree/folder.ts';
import { withFolderLock } from '../image-tree/lock.ts';
import { installedPackages } from '../image-tree/packages.ts';
import { removeTree, sweepFolder } from '../image-tree/remove.ts';
import { readTreeRecord, requireWholeTree } from '../image-tree/tree-record.ts';
import { walk } from '../image-tree/walk.ts';
import { withBroughtLists } from '../build-lists/bring.ts';
import type { TaskContext, TaskKind } from '../types.ts';
import { Additions } from './additions.ts';
import { archiveTools, archiveVersions } from './archive.ts';
import { billOfMaterials } from './bill-of-materials.ts';
import { exclusionTest, readExlists } from './exlist.ts';
import { keepFile } from './keep.ts';
import { passwordHash } from './accounts.ts';
import { addNodeFilesUnit } from './node-files.ts';
import { rootFile } from './root-file.ts';
import { checkedPack } from './spec.ts';
import { survey, type Survey } from './survey.ts';
import { applySynclists } from './sync-files.ts';
import { setTimezone, withTimezone, zoneBeside } from './timezone.ts';
import { addSignatureCheck } from './trust.ts';
import { addUnpacker, unpackerFor, type Unpacker } from './unpacker.ts';

type Spec = Required<ImagePackSpec>;

/** packimage: `<rootimgdir>/rootimg` becomes an immutable image, known by its digest, in a store. */
export const imagePack: TaskKind = {
  kind: imagePackKind,
  version: imagePackVersion,
  roles: ['build'],
  run: async (context) => await packImage(await checkedPack(await withBroughtLists(context.spec, context)), context),
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

async function packImage(spec: Spec, context: TaskContext): Promise<ImagePackResult> {
  const { rootimgdir } = spec;
  const { tree } = placesIn(rootimgdir, context.id);
  for (const tool of [...archiveTools(spec.method, spec.compress), 'flock']) {
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
  const kept = `Make room for ${rootimgdir} and the store; an earlier image is still there.`;
  return explainingFullDisk(`The packing of ${spec.image}`, kept, () =>
    withFolderLock(rootimgdir, context.signal, async () => {
      await sweepFolder(rootimgdir);
      await refuseMounts(tree);
      await requireWholeTree(rootimgdir);
      return packLocked(spec, context);
    }),
  );
}

async function packLocked(spec: Spec, context: TaskContext): Promise<ImagePackResult> {
  const { rootimgdir, method, compress } = spec;
  const { tree, packing: work } = placesIn(rootimgdir, context.id);
  const record = await requireBuild(rootimgdir);
  const unpacker = await unpackerFor(tree, method, compress);
  const exlist = await withTimezone(await readExlists(spec.exlist, readListFile), spec.timezone, tree);
  try {
    context.log(`Packing contents of ${tree}`);
    context.progress('stage', 'collecting what is packed');
    const entries = walk(tree);
    const surveyed = survey(tree, exclusionTest(exlist), entries);
    const made = await readTreeRecord(rootimgdir);
    const known =
      made === undefined ? undefined : { record: made, scan: await scanTree(tree, made, context.signal, entries) };
    context.log(`${surveyed.kept.length} files and folders, ${surveyed.leftOut} left out`);
    const folder = join(work, 'added');
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await chmod(folder, 0o755);
    const timezone = zoneBeside(spec.timezone, known?.scan.edits ?? []);
    const additions = await gather({ ...spec, timezone }, surveyed, new Additions(tree, surveyed, folder), context);
    const tools = await archiveVersions(method, compress);
    const request = { method, compress, tree, survey: surveyed, additions: additions.list(), folder, work };
    const root = await rootFile({ ...request, rootimgdir, store: spec.store, tools, known }, context);
    const edits = known?.scan.edits ?? [];
    const result = await keepAll(
      spec,
      { surveyed, additions, record, work, root: root.blob, tools, edits, unpacker },
      context,
    );
    // Not before everything else is kept.
    await root.place();
    return result;
  } finally {
    await removeTree(work);
  }
}

async function requireBuild(rootimgdir: string): Promise<BuildRecord> {
  const record = await readBuildRecord(rootimgdir);
  for (const name of ['kernel', 'initrd-stateless.zst']) {
    const file = join(rootimgdir, name);
    if (record !== undefined && (await lstat(file).catch(() => undefined)) !== undefined) continue;
    const what = record === undefined ? `${rootimgdir} holds no finished build.` : `${name} cannot be found at ${file}`;
    throw new HostlerError('failed_precondition', `Did you run "genimage" before running "packimage"? ${what}`);
  }
  if (record === undefined) throw new HostlerError('internal', 'unreachable');
  return record;
}

/** What the image has that the tree has not. */
async function gather(spec: Spec, surveyed: Survey, additions: Additions, context: TaskContext): Promise<Additions> {
  const { tree } = placesIn(spec.rootimgdir, context.id);
  for (const remark of await applySynclists(spec.synclists, tree, additions, spec.broughtSynclists))
    context.log(`Warning: ${remark}`);
  const remark = await setTimezone(spec.timezone, tree, additions);
  if (remark !== undefined) context.log(`Warning: ${remark}`);
  const when = new Date(surveyed.newest * 1000).toUTCString();
  await additions.put(
    'opt/xcat/xcatinfo',
    `IMAGENAME='${spec.image}'\nIMAGEUUID='${surveyed.uuid}'\nTIMESTAMP='${when}'\n`,
  );
  await additions.lockAccounts(await passwordHash(spec.rootPassword, surveyed.uuid, context.signal));
  if (additions.nodeFiles() !== undefined) await addNodeFilesUnit(additions, surveyed);
  return additions;
}

interface Packed {
  readonly surveyed: Survey;
  readonly additions: Additions;
  readonly record: BuildRecord;
  readonly work: string;
  /** The packed tree, in the store. */
  readonly root: BlobRef;
  readonly tools: Readonly<Record<string, string>>;
  readonly edits: readonly HandEdit[];
  readonly unpacker: Unpacker;
}

/** Everything of the version into the store; the manifest last, for it names the others. */
async function keepAll(spec: Spec, packed: Packed, context: TaskContext): Promise<ImagePackResult> {
  const { rootimgdir, method, compress } = spec;
  const { surveyed, additions, record, work } = packed;
  const { tree } = placesIn(rootimgdir, context.id);
  const packages = await installedPackages(tree);
  const { uuid, newest } = surveyed;
  const { initrd, initrdBytes, checked } = await bootFiles(spec, packed, tree, context);
  const osvers = spec.info['osvers'] ?? '';
  const bill = billOfMaterials({ image: spec.image, osvers, uuid, newest, packages });
  const own = additions.nodeFiles();
  const made = async (what: string, content: object): Promise<Plain> => {
    const file = join(work, `${what}.json`);
    await writeFile(file, `${JSON.stringify(content, undefined, what === 'files' ? undefined : 1)}\n`, { mode: 0o600 });
    return plain(await keepFile(file, what, spec.store, context));
  };
  const blobs = {
    root: plain(packed.root),
    kernel: plain(await keepFile(join(rootimgdir, 'kernel'), 'kernel', spec.store, context)),
    initrd: plain(await keepFile(initrd, 'initrd', spec.store, context)),
    bom: await made('bom', bill),
  };
  const files = own === undefined ? null : await made('files', own);
  const arch = spec.info['arch'] ?? record.arch;
  const manifest: ImageManifest = {
    format: 1,
    image: spec.image,
    uuid,
    arch,
    kernelver: record.kernelver,
    method,
    compress,
    info: spec.info,
    files: blobs,
    nodeFiles: files === null ? '' : hiddenDigest(files.digest),
    initrdBytes,
    exlist: await digests(spec.exlist),
    synclists: await digests(spec.synclists),
    inputs: record.key,
    edits: packed.edits.map(({ path, change, what }) => ({ path, change, what })),
    tools: { hostler: programVersion(), ...packed.tools },
    packages,
  };
  const kept = await made('manifest', manifest);
  return { ...blobs, files, manifest: kept, kernelver: record.kernelver, arch, method, compress, checked };
}

/** The initrd with what unpacks the image and what checks its signature behind it. */
async function bootFiles(
  { key, rootimgdir, image }: Spec,
  { unpacker, work }: Packed,
  tree: string,
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

type Plain = { readonly digest: string; readonly bytes: number };

function plain({ digest, bytes }: BlobRef): Plain {
  return { digest, bytes };
}
