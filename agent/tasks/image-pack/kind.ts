import { chmod, lstat, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { HostlerError } from '../../../shared/errors/error.ts';
import { installHint } from '../../../shared/process/hints.ts';
import { which } from '../../../shared/process/which.ts';
import { imagePackKind, imagePackVersion } from '../../../shared/task/image-pack.ts';
import type { ImagePackResult, ImagePackSpec } from '../../../shared/task/image-pack.ts';
import { readListFile } from '../image-build/list-file.ts';
import { readBuildRecord } from '../image-tree/build-record.ts';
import type { BuildRecord } from '../image-tree/build-record.ts';
import { scanTree } from '../image-tree/edits.ts';
import { explainingFullDisk } from '../image-tree/disk-full.ts';
import { placesIn, refuseMounts } from '../image-tree/folder.ts';
import { withFolderLock } from '../image-tree/lock.ts';
import { removeTree, sweepFolder } from '../image-tree/remove.ts';
import { readTreeRecord, requireWholeTree } from '../image-tree/tree-record.ts';
import { walk } from '../image-tree/walk.ts';
import { withBroughtLists } from '../build-lists/bring.ts';
import type { TaskContext, TaskKind } from '../types.ts';
import { Additions } from './additions.ts';
import { archiveTools, archiveVersions } from './archive.ts';
import { exclusionTest, readExlists } from './exlist.ts';
import { passwordHash } from './accounts.ts';
import { keepBeside, keepManifest } from './keep-version.ts';
import { addNodeFilesUnit } from './node-files.ts';
import { rootFile, type RootFile } from './root-file.ts';
import { checkedPack } from './spec.ts';
import { survey, type Survey } from './survey.ts';
import { applySynclists } from './sync-files.ts';
import { setTimezone, withTimezone, zoneBeside } from './timezone.ts';
import { unpackerFor } from './unpacker.ts';

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
  let root: RootFile | undefined;
  let beside: ReturnType<typeof keepBeside> | undefined;
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
    // While the tree is packed: what does not wait for that.
    beside = keepBeside(spec, { tree, surveyed, additions, work, unpacker }, context);
    beside.catch(() => {}); // awaited below, unless packing is the first to fail
    root = await rootFile({ ...request, rootimgdir, store: spec.store, tools, known }, context);
    const edits = known?.scan.edits ?? [];
    const all = { ...(await beside), root: root.blob, record, tools, edits, uuid: surveyed.uuid };
    const result = await keepManifest(spec, all, work, context);
    // Not before everything else is kept.
    await root.place();
    return result;
  } finally {
    await Promise.allSettled([beside, root?.copied]);
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
