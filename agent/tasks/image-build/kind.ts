import { copyFile, lstat, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { HostlerError } from '../../../shared/errors/error.ts';
import { installHint } from '../../../shared/process/hints.ts';
import { run } from '../../../shared/process/run.ts';
import { which } from '../../../shared/process/which.ts';
import { imageBuildKind, imageBuildVersion } from '../../../shared/task/image-build.ts';
import type { ImageBuildResult } from '../../../shared/task/image-build.ts';
import type { Json } from '../../../shared/verb/effect.ts';
import { archWord } from '../../facts/system.ts';
import { explainingFullDisk } from '../image-tree/disk-full.ts';
import { placesIn, refuseMounts } from '../image-tree/folder.ts';
import { kernelOf } from '../image-tree/kernel.ts';
import { withFolderLock } from '../image-tree/lock.ts';
import { installedPackages } from '../image-tree/packages.ts';
import { removeTree, sweepFolder } from '../image-tree/remove.ts';
import type { TaskContext, TaskKind } from '../types.ts';
import { requireRunnable } from './emulation.ts';
import { makeInitrd } from './initrd/make.ts';
import { postinstallCalls, requirePostinstall } from './postinstall.ts';
import { checkedBuild } from './spec.ts';
import type { Build } from './spec.ts';
import { Stages } from './stages.ts';
import { makeTree } from './tree.ts';

/** What every build runs. */
const tools = ['mmdebstrap', 'apt-get', 'apt-config', 'dpkg', 'unshare', 'setpriv', 'flock', 'tar', 'zstd', 'rm', 'du'];

/** genimage: makes or refreshes `<rootimgdir>/rootimg`, `kernel` and the initrd. */
export const imageBuild: TaskKind = {
  kind: imageBuildKind,
  version: imageBuildVersion,
  roles: ['build'],
  run: async (context) => await buildImage(await checkedBuild(context.spec), context),
  cleanUp: async (context) => {
    const build = await checkedBuild(context.spec).catch(() => undefined);
    if (build === undefined) return;
    // Somebody else may already build there: then the folder is swept by them.
    await withFolderLock(build.rootimgdir, context.signal, () => sweepFolder(build.rootimgdir)).catch(
      (error: unknown) => {
        if (!(error instanceof HostlerError) || error.code !== 'aborted') throw error;
      },
    );
  },
};

async function buildImage(
  build: Build,
  context: TaskContext,
): Promise<ImageBuildResult & { readonly [key: string]: Json }> {
  await requireAll(build);
  const { tree } = placesIn(build.rootimgdir, context.id);
  const stages = new Stages(context);
  if (build.onlyinitrd && (await lstat(tree).catch(() => undefined)) === undefined) {
    throw new HostlerError(
      'not_found',
      `the root image directory "${tree}"does not exist, please run "genimage ${build.image}" to generate the root image directory first!`,
    );
  }
  const kept = `Make room for ${build.rootimgdir} and the agent's home ${context.home}; an earlier image is still there.`;
  const locked = <T>(work: () => Promise<T>): Promise<T> => withFolderLock(build.rootimgdir, context.signal, work);
  return explainingFullDisk(`The build of ${build.image}`, kept, () =>
    locked(async () => {
      await sweepFolder(build.rootimgdir);
      await refuseMounts(tree);
      const old = build.onlyinitrd ? undefined : await makeTree(build, stages, context);
      // Taking 25,000 files away takes as long as making the initrd.
      const [made, gone] = await Promise.allSettled([
        stages.run('initrd', 'making the initrd', () => makeBootFiles(build, tree, context)),
        old === undefined ? undefined : removeTree(old),
      ]);
      if (made.status === 'rejected') throw made.reason;
      if (gone.status === 'rejected') throw gone.reason;
      const kernelver = made.value;
      const packages = await installedPackages(tree);
      return { kernelver, packages: packages.length, bytes: await bytesOf(tree, context.signal), stages: stages.times };
    }),
  );
}

/** Everything that would fail later, said before anything is begun. */
async function requireAll(build: Build): Promise<void> {
  if (process.getuid?.() !== 0)
    throw new HostlerError(
      'permission_denied',
      'Building an image needs root: the agent with the role build must run as root.',
    );
  // mmdebstrap asks it whether a foreign architecture can be run.
  const wanted = build.arch === archWord() ? tools : [...tools, 'arch-test'];
  const missing = wanted.filter((tool) => which(tool) === undefined);
  if (missing.length > 0) {
    const hints = [...new Set(missing.map((tool) => installHint(tool)))].join('; ');
    throw new HostlerError(
      'failed_precondition',
      `Programs that a build needs are not installed: ${missing.join(', ')}. To do: ${hints}.`,
    );
  }
  requireRunnable(build.architecture);
  for (const [attribute, files] of [
    ['pkglist', build.pkglist],
    ['otherpkglist', build.otherpkglist],
  ] as const) {
    for (const file of files) {
      if ((await lstat(file).catch(() => undefined)) !== undefined) continue;
      throw new HostlerError('not_found', `The ${attribute} specified '${file}' does not exist!`);
    }
  }
  for (const folder of build.pkgdir.filter((entry) => entry.startsWith('/'))) {
    if ((await lstat(join(folder, 'dists')).catch(() => undefined)) !== undefined) continue;
    throw new HostlerError(
      'not_found',
      `Need ${folder}/ available from a system that has ran copycds on ${build.osvers} ${build.arch} or correct web repo`,
    );
  }
  await requirePostinstall(postinstallCalls(build.postinstall));
}

/** `<rootimgdir>/kernel` and the initrd, each replaced by one rename. */
async function makeBootFiles(build: Build, tree: string, context: TaskContext): Promise<string> {
  const kernel = await kernelOf(tree, build.release.kernelFile[build.arch] ?? 'vmlinuz', build.kernelver);
  const made = await makeInitrd({
    root: tree,
    kernelver: kernel.version,
    output: join(build.rootimgdir, 'initrd-stateless.zst'),
    netdrivers: build.netdrivers,
    signal: context.signal,
    log: (line) => context.log(line),
  });
  context.log(
    `the initial ramdisk for stateless is generated successfully: ${made.modules} modules, ${made.bytes} bytes.`,
  );
  const target = join(build.rootimgdir, 'kernel');
  const temporary = `${target}.new-${process.pid}`;
  try {
    await copyFile(kernel.file, temporary);
    const handle = await open(temporary, 'r+');
    await handle.chmod(0o644);
    await handle.sync();
    await handle.close();
    await rename(temporary, target);
  } finally {
    await rm(temporary, { force: true });
  }
  return kernel.version;
}

async function bytesOf(tree: string, signal: AbortSignal): Promise<number> {
  const { stdout } = await run('du', ['--summarize', '--one-file-system', '--block-size=1', '--', tree], { signal });
  return Number.parseInt(stdout, 10) || 0;
}
