import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkedFacts } from '../../../shared/clone/facts.ts';
import type { CloneFacts, CloneTree } from '../../../shared/clone/facts.ts';
import { identityFiles, worthlessFiles } from '../../../shared/clone/identity.ts';
import { HostlerError } from '../../../shared/errors/error.ts';
import { checkedLayout } from '../../../shared/layout/check.ts';
import type { Layout } from '../../../shared/layout/layout.ts';
import { run } from '../../../shared/process/run.ts';
import type { StoreAccess } from '../../../shared/task/blob.ts';
import { clonePackKind, clonePackVersion } from '../../../shared/task/clone.ts';
import type { ClonePackSpec } from '../../../shared/task/clone.ts';
import type { ImagePackResult } from '../../../shared/task/image-pack.ts';
import type { Json } from '../../../shared/verb/effect.ts';
import { keepFile } from '../image-pack/keep.ts';
import { explainingFullDisk } from '../image-tree/disk-full.ts';
import { absolutePath, Fields, plainWord } from '../image-tree/fields.ts';
import { checkedFolder, refuseMounts } from '../image-tree/folder.ts';
import { kernelOf } from '../image-tree/kernel.ts';
import type { TaskContext, TaskKind } from '../types.ts';
import { loaderOf, mdadmConfOf, networkKindOf, tableOf } from './describe-tree.ts';
import { makeInstaller } from './installer.ts';
import { requirePrograms } from './programs.ts';

/** Makes of a golden tree what nodes are installed from: the packed tree, facts about it, kernel and installer. */
export const clonePack: TaskKind = {
  kind: clonePackKind,
  version: clonePackVersion,
  roles: ['store'],
  run: async (context) => {
    const spec = await checkedSpec(context.spec);
    const kept = `Make room for the agent's home ${context.home}; earlier versions of the image are still there.`;
    return explainingFullDisk(`The packing of ${spec.image}`, kept, () => packTree(spec, context));
  },
};

async function checkedSpec(spec: Json): Promise<ClonePackSpec> {
  const fields = new Fields(spec, clonePackKind);
  const store = fields.inner('store');
  return {
    image: plainWord(fields.text('image'), 'The image name'),
    tree: await checkedFolder(fields.text('tree'), 'The golden tree'),
    layout: absolutePath(fields.text('layout'), 'The disk layout'),
    osvers: plainWord(fields.text('osvers'), 'The release'),
    arch: plainWord(fields.text('arch'), 'The architecture'),
    netdrivers: fields.texts('netdrivers').map((name) => plainWord(name, 'The network driver')),
    store: { agent: store.text('agent'), endpoints: store.texts('endpoints') },
  };
}

export async function packTree(
  spec: ClonePackSpec,
  context: TaskContext,
): Promise<ImagePackResult & { readonly [key: string]: Json }> {
  requirePrograms();
  await refuseMounts(spec.tree);
  const folder = join(context.dir, 'packed');
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { mode: 0o700 });
  // Looked at before hours of packing.
  await readLayout(spec.layout);
  const kernel = await kernelOf(spec.tree, 'vmlinuz', '');
  context.progress('installer', 'making the installer');
  const initrd = join(folder, 'initrd');
  await makeInstaller({
    tree: spec.tree,
    kernelver: kernel.version,
    output: initrd,
    netdrivers: spec.netdrivers,
    context,
  });
  context.progress('pack', 'packing the tree');
  const packed = join(folder, 'tree.tar.zst');
  const files = await tarOf(spec.tree, packed, context);
  const keep = (file: string, what: string, store: StoreAccess = spec.store) =>
    keepFile(file, what, store, context, 'move');
  const root = await keep(packed, 'tree');
  const factsFile = join(folder, 'facts.json');
  await writeFile(factsFile, `${JSON.stringify(await factsOf(spec, { ...root, files }))}\n`, { mode: 0o600 });
  return {
    root: { ...root },
    manifest: { ...(await keep(factsFile, 'facts')) },
    kernel: { ...(await keepFile(kernel.file, 'kernel', spec.store, context)) },
    initrd: { ...(await keep(initrd, 'installer')) },
    bom: null,
    files: null,
    checked: false,
    kernelver: kernel.version,
    arch: spec.arch,
    method: 'clone',
  };
}

async function factsOf({ tree, layout, osvers, arch }: ClonePackSpec, packed: CloneTree): Promise<CloneFacts> {
  return checkedFacts({
    format: 1,
    tree: packed,
    layout: await readLayout(layout),
    osvers,
    arch,
    fstab: await tableOf(tree, 'etc/fstab'),
    crypttab: await tableOf(tree, 'etc/crypttab'),
    network: await networkKindOf(tree),
    loader: await loaderOf(tree),
    mdadmConf: await mdadmConfOf(tree),
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
        ...['--create', '--directory', tree, '--sort=name', '--numeric-owner', '--sparse', '--acls'],
        ...['--xattrs', '--xattrs-include=*', '--format=posix', '--anchored', '--verbose'],
        '--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime',
        ...[...identityFiles, ...worthlessFiles].map((pattern) => `--exclude=.${pattern}`),
        ...['--use-compress-program', 'zstd -q -3 -T0', '.'],
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
