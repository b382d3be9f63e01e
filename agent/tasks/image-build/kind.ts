import { lstat } from 'node:fs/promises';
import { HostlerError } from '../../../shared/errors/error.ts';
import { installHint } from '../../../shared/process/hints.ts';
import { run } from '../../../shared/process/run.ts';
import { which } from '../../../shared/process/which.ts';
import { imageBuildKind, imageBuildVersion } from '../../../shared/task/image-build.ts';
import type { ImageBuildResult } from '../../../shared/task/image-build.ts';
import type { Json } from '../../../shared/verb/effect.ts';
import { explainingFullDisk } from '../image-tree/disk-full.ts';
import { lookMeanwhile } from '../image-tree/edits.ts';
import { placesIn, refuseMounts } from '../image-tree/folder.ts';
import { withFolderLock } from '../image-tree/lock.ts';
import { installedPackages } from '../image-tree/packages.ts';
import { sweepFolder } from '../image-tree/remove.ts';
import { withBroughtLists } from '../build-lists/bring.ts';
import type { TaskContext, TaskKind } from '../types.ts';
import { makeBootFiles } from './boot-files.ts';
import { requireRunnable } from './emulation.ts';
import { familyOf } from './families.ts';
import type { PackageFamily } from './family.ts';
import { LayerCache } from './layers/cache.ts';
import { postinstallCalls, requirePostinstall } from './postinstall.ts';
import { searchLists } from './search.ts';
import { checkedBuild } from './spec.ts';
import type { Build } from './spec.ts';
import { Stages } from './stages.ts';
import { makeTree } from './tree.ts';

/** What every build runs, besides what its packages need. */
const tools = [
  ...['unshare', 'nsenter', 'setpriv', 'mount', 'umount', 'flock'],
  ...['tar', 'mkfifo', 'getfattr', 'zstd', 'rm', 'sync'],
];

/** genimage: makes or refreshes `<rootimgdir>/rootimg`, `kernel` and the initrd. */
export const imageBuild: TaskKind = {
  kind: imageBuildKind,
  version: imageBuildVersion,
  roles: ['build'],
  run: async (context) => {
    const { build, found } = await searchLists(
      await checkedBuild(await withBroughtLists(context.spec, context)),
      context,
    );
    const result = await buildImage(build, context);
    return found === undefined ? result : { ...result, found };
  },
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
  // What is made with a plain mkdir must not depend on who started the agent.
  process.umask(0o022);
  const family = familyOf(build);
  await requireAll(build, family);
  const { tree } = placesIn(build.rootimgdir, context.id);
  const stages = new Stages(context);
  if (build.onlyinitrd && (await lstat(tree).catch(() => undefined)) === undefined) {
    throw new HostlerError(
      'not_found',
      `the root image directory "${tree}"does not exist, please run "genimage ${build.image}" to generate the root image directory first!`,
    );
  }
  const kept = `Make room for ${build.rootimgdir} and the agent's home ${context.home}; an earlier image is still there.`;
  const cache = new LayerCache(context.home);
  const result = await explainingFullDisk(`The build of ${build.image}`, kept, () =>
    withFolderLock(build.rootimgdir, context.signal, () =>
      cache.during(context.signal, async () => {
        await sweepFolder(build.rootimgdir);
        await refuseMounts(tree);
        return build.onlyinitrd
          ? await initrdAlone(build, tree, cache, stages, context)
          : await wholeImage(build, family, tree, cache, stages, context);
      }),
    ),
  );
  // Looking through it takes as long as the rest of a build that finds everything there.
  if (stages.times.some(({ cached }) => !cached)) await cache.trim(build.cacheBytes ?? 0, context.signal);
  return { ...result, stages: stages.times };
}

type Outcome = Pick<ImageBuildResult, 'kernelver' | 'packages' | 'bytes'>;

async function wholeImage(
  build: Build,
  family: PackageFamily,
  tree: string,
  cache: LayerCache,
  stages: Stages,
  context: TaskContext,
): Promise<Outcome> {
  context.progress('bootstrap', 'asking for the state of the package sources');
  const wanted = await family.wanted(build);
  const opening = family.open(build, wanted, context);
  opening.catch(() => {}); // awaited below
  // The sources take their time to answer: enough to look through the tree.
  const looked = build.fresh ? undefined : await lookMeanwhile(build.rootimgdir, context.signal);
  const world = await opening;
  const made = await makeTree(build, world, wanted, cache, stages, context, looked);
  const entries = new Map([...made.record.paths].map(([path, { entry }]) => [path, entry]));
  for (const { path, change } of made.scan.edits) if (change === 'removed') entries.delete(path);
  for (const [path, entry] of made.scan.actual) entries.set(path, entry);
  const synced = cache.sync(made.layers, context.signal);
  synced.catch(() => {}); // awaited below, whatever happens first
  const kernelver = await makeBootFiles(build, tree, entries, cache, stages, context);
  await synced;
  return { kernelver, packages: (await world.installed(tree)).length, bytes: made.scan.bytes };
}

async function initrdAlone(
  build: Build,
  tree: string,
  cache: LayerCache,
  stages: Stages,
  context: TaskContext,
): Promise<Outcome> {
  const kernelver = await makeBootFiles(build, tree, undefined, cache, stages, context);
  const packages = await installedPackages(tree);
  return { kernelver, packages: packages.length, bytes: await bytesOf(tree, context.signal) };
}

/** Everything that would fail later, said before anything is begun. */
async function requireAll(build: Build, family: PackageFamily): Promise<void> {
  if (process.getuid?.() !== 0)
    throw new HostlerError(
      'permission_denied',
      'Building an image needs root: the agent with the role build must run as root.',
    );
  const missing = [...tools, ...family.tools(build)].filter((tool) => which(tool) === undefined);
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
  await family.check(build);
  await requirePostinstall(postinstallCalls(build.postinstall));
}

async function bytesOf(tree: string, signal: AbortSignal): Promise<number> {
  const { stdout } = await run('du', ['--summarize', '--one-file-system', '--block-size=1', '--', tree], { signal });
  return Number.parseInt(stdout, 10) || 0;
}
