import { isUtf8 } from 'node:buffer';
import { lstat, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { identityFiles, worthlessFiles } from '../../../../shared/clone/identity.ts';
import { HostlerError } from '../../../../shared/errors/error.ts';
import { printable } from '../../../../shared/process/printable.ts';
import { run } from '../../../../shared/process/run.ts';
import { captureDisklessKind, captureDisklessVersion } from '../../../../shared/task/capture-diskless.ts';
import type { CaptureDisklessResult, CaptureDisklessSpec } from '../../../../shared/task/capture-diskless.ts';
import type { Json } from '../../../../shared/verb/effect.ts';
import { makeBootFiles } from '../../image-build/boot-files.ts';
import { LayerCache } from '../../image-build/layers/cache.ts';
import { checkedBuild, type Build } from '../../image-build/spec.ts';
import { Stages } from '../../image-build/stages.ts';
import { readExlists } from '../../image-pack/exlist.ts';
import { writeBuildRecord } from '../../image-tree/build-record.ts';
import { explainingFullDisk } from '../../image-tree/disk-full.ts';
import { absolutePath, Fields, plainWord } from '../../image-tree/fields.ts';
import { placesIn, refuseMounts } from '../../image-tree/folder.ts';
import { kernelOf } from '../../image-tree/kernel.ts';
import { withFolderLock } from '../../image-tree/lock.ts';
import { installedPackages } from '../../image-tree/packages.ts';
import { removeTree, sweepFolder, swapTree } from '../../image-tree/remove.ts';
import type { TaskContext, TaskKind } from '../../types.ts';
import { fetchMachine, type PassedBy } from '../capture/fetch.ts';
import { mountsOf, ticketOf } from '../capture/spec.ts';
import { copyTree } from '../generations/copy.ts';
import { fitDiskless } from './fit.ts';

/** What a node in memory has no use for, besides what no capture takes along (facts section 16). */
const ofServers: readonly string[] = ['/install/*', '/tftpboot/*', '/swapfile', '/swap.img'];

export const captureDiskless: TaskKind = {
  kind: captureDisklessKind,
  version: captureDisklessVersion,
  roles: ['store'],
  run: async (context) => {
    // What is made with a plain mkdir must not depend on who started the agent.
    process.umask(0o022);
    const spec = await checkedSpec(context.spec);
    const { rootimgdir, image } = spec.build;
    const kept = `Make room for ${rootimgdir}; an earlier image is still there, and what was fetched is kept for the next try.`;
    return explainingFullDisk(`The capture of ${spec.agent} for ${image}`, kept, () =>
      withFolderLock(rootimgdir, context.signal, async () => {
        await sweepFolder(rootimgdir);
        return capture(spec, context);
      }),
    );
  },
};

interface Checked extends Omit<CaptureDisklessSpec, 'build'> {
  readonly build: Build;
}

async function checkedSpec(spec: Json): Promise<Checked> {
  const fields = new Fields(spec, captureDisklessKind);
  return {
    agent: plainWord(fields.text('agent'), 'The node'),
    ticket: ticketOf(fields),
    mounts: mountsOf(spec),
    build: await checkedBuild((spec as { readonly [key: string]: Json })['build'] ?? null),
    lists: fields.texts('lists').map((path) => absolutePath(path, 'The folder of exclude lists')),
  };
}

async function capture(spec: Checked, context: TaskContext): Promise<CaptureDisklessResult> {
  const { build } = spec;
  const { rootimgdir } = build;
  const { tree, building } = placesIn(rootimgdir, context.id);
  const list = await exlistOf(spec);
  const passed = await passedBy(list);
  // As it is on the machine: what is fitted below would be sent again by every recapture.
  const folder = join(rootimgdir, '.capture');
  await refuseMounts(folder);
  const fetched = await fetchMachine(spec, { folder, basis: folder }, passed, context);
  await refuseOddNames(folder, context);
  const kernel = await kernelOf(folder, build.release.kernelFile[build.arch] ?? 'vmlinuz', build.kernelver);
  context.progress('tree', `making ${tree}`);
  await copyTree(folder, building, undefined, context);
  await fitDiskless(building, build, context);
  const packages = await installedPackages(building);
  const old = await swapTree(rootimgdir, context.id);
  if (old !== undefined) await removeTree(old);
  await writeBuildRecord(rootimgdir, {
    format: 1,
    key: `capture ${spec.agent} ${spec.ticket.slice(0, 8)}`,
    kernelver: kernel.version,
    arch: build.arch,
  });
  await makeBootFiles(build, tree, undefined, new LayerCache(context.home), new Stages(context), context);
  return {
    kernelver: kernel.version,
    packages: packages.length,
    bytes: fetched.whole,
    received: fetched.bytes,
    exlist: list ?? '',
  };
}

/** A packed image knows its files by text. What cannot be packed is said now, and not left out. */
async function refuseOddNames(folder: string, context: TaskContext): Promise<void> {
  const list = join(context.dir, 'names');
  const handle = await open(list, 'w', 0o600);
  try {
    await run('find', [folder, '-mindepth', '1', '-printf', '%P\\0'], { stdoutTo: handle.fd, signal: context.signal });
  } finally {
    await handle.close();
  }
  const names = await readFile(list);
  if (isUtf8(names)) return;
  let at = 0;
  while (at < names.length) {
    const end = names.indexOf(0, at);
    const name = names.subarray(at, end);
    if (!isUtf8(name)) {
      throw new HostlerError(
        'failed_precondition',
        `The node has names that are not UTF-8, which a stateless image cannot hold; the first is /${printable(name.toString('latin1'))}. Rename them, or name their folder in an exclude list (docs/cloning.md).`,
      );
    }
    at = end + 1;
  }
}

/** The most particular one that is there. */
async function exlistOf({ build, lists }: Checked): Promise<string | undefined> {
  const { profile, osvers, arch } = build;
  for (const folder of lists) {
    for (const name of [`${profile}.${osvers}.${arch}`, `${profile}.${arch}`, `${profile}.${osvers}`, profile]) {
      const file = join(folder, `${name}.imgcapture.exlist`);
      if ((await lstat(file).catch(() => undefined)) !== undefined) return file;
    }
  }
  return undefined;
}

/** Patterns of find -path (`./usr/share/man*`) in rsync's words, where a star crosses slashes only when it is two. */
export async function passedBy(list: string | undefined): Promise<PassedBy> {
  const found = await readExlists(list === undefined ? [] : [list], (file) => readFile(file, 'utf8'));
  const anchored = (pattern: string): string => {
    const plain = pattern.replace(/^\.(?=\/)/, '');
    if (!plain.startsWith('/'))
      throw new HostlerError('invalid_argument', `${list ?? ''}: ${pattern} must begin with ./ or /.`);
    return plain.replace(/\*+/g, '**');
  };
  return {
    exclude: [...identityFiles, ...worthlessFiles, ...ofServers, ...found.leaveOut.map(anchored)],
    // rsync looks into no folder that is left out: those above come first.
    include: found.takeIn.map(anchored).flatMap((pattern) => [...above(pattern), pattern]),
  };
}

function above(pattern: string): string[] {
  const parts = pattern.split('/').slice(1, -1);
  return parts.map((_, at) => `/${parts.slice(0, at + 1).join('/')}/`);
}
