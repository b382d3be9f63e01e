import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkedFacts } from '../../../shared/clone/facts.ts';
import type { CloneFacts, CloneTree } from '../../../shared/clone/facts.ts';
import { identityFiles, imageFiles, worthlessFiles } from '../../../shared/clone/identity.ts';
import type { ClonePiece } from '../../../shared/clone/pieces.ts';
import { HostlerError } from '../../../shared/errors/error.ts';
import { checkedLayout } from '../../../shared/layout/check.ts';
import type { Layout } from '../../../shared/layout/layout.ts';
import { run } from '../../../shared/process/run.ts';
import type { StoreAccess } from '../../../shared/task/blob.ts';
import type { ClonePackSpec } from '../../../shared/task/clone.ts';
import type { ImagePackResult } from '../../../shared/task/image-pack.ts';
import type { Json } from '../../../shared/verb/effect.ts';
import { billOfMaterials } from '../image-pack/bill-of-materials.ts';
import { keepFile } from '../image-pack/keep.ts';
import { kernelOf } from '../image-tree/kernel.ts';
import { installedPackages } from '../image-tree/packages.ts';
import type { TaskContext } from '../types.ts';
import { loaderOf, mdadmConfOf, networkKindOf, tableOf } from './describe-tree.ts';
import { earlyPartsOf, earlyTextsOf } from './drivers/early.ts';
import { makeInstaller } from './installer.ts';
import { packPieces } from './pieces/pack.ts';
import { requirePrograms } from './programs.ts';
import { tarArguments } from './tar.ts';

/** `from`: the folder that is packed in the name of `spec.tree`, and that nobody changes meanwhile. */
export async function packTree(
  spec: ClonePackSpec,
  context: TaskContext,
  from: string,
): Promise<ImagePackResult & { readonly [key: string]: Json }> {
  requirePrograms();
  const folder = join(context.dir, 'packed');
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { mode: 0o700 });
  // Looked at before hours of packing.
  await readLayout(spec.layout);
  const kernel = await kernelOf(from, 'vmlinuz', '');
  context.progress('installer', 'making the installer');
  const initrd = join(folder, 'initrd');
  const { drivers } = await makeInstaller({
    tree: from,
    kernelver: kernel.version,
    output: initrd,
    netdrivers: spec.netdrivers,
    context,
  });
  context.progress('pack', 'packing the tree');
  const packed = join(folder, 'tree.tar.zst');
  const files = await tarOf(from, packed, context);
  const keep = (file: string, what: string, store: StoreAccess = spec.store) =>
    keepFile(file, what, store, context, 'move');
  const root = await keep(packed, 'tree');
  const piecesFile = join(folder, 'pieces');
  const pieces = await packPieces(spec.tree, piecesFile, context);
  const factsFile = join(folder, 'facts.json');
  const early = await earlyPartsOf(from, kernel.version, context);
  const earlyTexts = await earlyTextsOf(from, kernel.version, await readLayout(spec.layout), context);
  const start = { drivers, earlyTexts, ...(early !== undefined && { early }) };
  const facts = await factsOf({ ...spec, tree: from }, { ...root, files }, pieces, start);
  await writeFile(factsFile, `${JSON.stringify(facts)}\n`, { mode: 0o600 });
  const bill = join(folder, 'bom.json');
  await writeFile(bill, `${JSON.stringify(await billOf(spec, from, root.digest), undefined, 1)}\n`, { mode: 0o600 });
  return {
    root: { ...root },
    manifest: { ...(await keep(factsFile, 'facts')) },
    kernel: { ...(await keepFile(kernel.file, 'kernel', spec.store, context)) },
    initrd: { ...(await keep(initrd, 'installer')) },
    bom: { ...(await keep(bill, 'bom')) },
    files: pieces.length === 0 ? null : { ...(await keep(piecesFile, 'overrides')) },
    checked: false,
    kernelver: kernel.version,
    arch: spec.arch,
    method: 'clone',
  };
}

async function billOf({ image, osvers }: ClonePackSpec, from: string, root: string): Promise<object> {
  const uuid = `${root.slice(0, 8)}-${root.slice(8, 12)}-8${root.slice(13, 16)}-8${root.slice(17, 20)}-${root.slice(20, 32)}`;
  // Nothing of when: equal trees have equal bills.
  return billOfMaterials({ image, osvers, uuid, newest: 0, packages: await installedPackages(from) });
}

async function factsOf(
  { image, tree, layout, osvers, arch }: ClonePackSpec,
  packed: CloneTree,
  pieces: readonly ClonePiece[],
  start: Pick<CloneFacts, 'drivers' | 'early' | 'earlyTexts'>,
): Promise<CloneFacts> {
  return checkedFacts({
    format: 1,
    image,
    tree: packed,
    pieces,
    layout: await readLayout(layout),
    osvers,
    arch,
    fstab: await tableOf(tree, 'etc/fstab'),
    crypttab: await tableOf(tree, 'etc/crypttab'),
    network: await networkKindOf(tree),
    loader: await loaderOf(tree),
    mdadmConf: await mdadmConfOf(tree),
    ...start,
  });
}

/** A layout file as a capture wrote it, or as somebody edited it. */
export async function readLayout(file: string): Promise<Layout> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new HostlerError(
      'not_found',
      `The disk layout ${file} cannot be read. A capture writes it; for a tree that came in another way, put one there.`,
      { cause },
    );
  }
  try {
    return checkedLayout(JSON.parse(text));
  } catch (cause) {
    throw new HostlerError('invalid_argument', `${file}: ${HostlerError.from(cause).message}`, { cause });
  }
}

/** Everything but what makes a machine that machine, in an order that is always the same. Returns how many files. */
async function tarOf(tree: string, output: string, context: TaskContext): Promise<number> {
  const handle = await open(output, 'wx', 0o600);
  let files = 0;
  try {
    await run(
      'tar',
      [
        ...tarArguments(tree),
        '--verbose',
        ...[...identityFiles, ...imageFiles, ...worthlessFiles].map((pattern) => `--exclude=.${pattern}`),
        '.',
      ],
      {
        signal: context.signal,
        stdoutTo: handle.fd,
        // GNU tar lists on standard error while the archive goes to standard output.
        onLine: (line) => {
          if (!line.startsWith('./')) {
            context.log(line);
            return;
          }
          files += 1;
          if (files % 2000 === 0) context.progress('pack', 'packing the tree', files, undefined, 'files');
        },
      },
    );
    await handle.sync();
  } finally {
    await handle.close();
  }
  return files;
}
