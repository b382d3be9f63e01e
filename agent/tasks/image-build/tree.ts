import { lstat, readFile } from 'node:fs/promises';
import { HostlerError } from '../../../shared/errors/error.ts';
import { placesIn } from '../image-tree/folder.ts';
import { existsInside, writeInside } from '../image-tree/inside.ts';
import { kernelOf } from '../image-tree/kernel.ts';
import { removeTree, swapTree } from '../image-tree/remove.ts';
import { clampTimes } from '../image-tree/times.ts';
import type { TaskContext } from '../types.ts';
import { addAgent } from './agent-files.ts';
import { keyFiles } from './apt/sources.ts';
import { aptWorld } from './apt/world.ts';
import type { AptWorld } from './apt/world.ts';
import { bootstrapTree } from './bootstrap.ts';
import { BuildCache } from './cache.ts';
import { configureTree } from './configure.ts';
import { packagesKey, treeKey } from './keys.ts';
import { readPkglists } from './pkglist.ts';
import type { Pass } from './pkglist.ts';
import { runPostinstall } from './postinstall.ts';
import { readBuildRecord, writeBuildRecord } from '../image-tree/build-record.ts';
import type { Build } from './spec.ts';
import type { Stages } from './stages.ts';

/**
 * The stages that make `<rootimgdir>/rootimg`. A tree that was made of the very same inputs stays as it is, with what
 * was edited in it by hand; otherwise a new one is built beside it and takes its place in the end. Returns where the
 * old one went, which the caller removes.
 */
export async function makeTree(build: Build, stages: Stages, context: TaskContext): Promise<string | undefined> {
  const { tree, building } = placesIn(build.rootimgdir, context.id);
  const began = Date.now();
  context.progress('bootstrap', 'asking for the state of the package sources');
  const passes = await wantedPasses(build);
  const world = await aptWorld(build, passes, context);
  const packages = await packagesKey(build, passes, world.resolved, world.imageSources, context.signal);
  const key = await treeKey(build, packages);
  const before = await readBuildRecord(build.rootimgdir);
  if (!build.fresh && before?.key === key && (await lstat(tree).catch(() => undefined))?.isDirectory() === true) {
    context.log('Nothing that the image is made of has changed: the tree stays as it is, edits included.');
    for (const name of ['bootstrap', 'packages', 'agent', 'configuration', 'postinstall'] as const)
      stages.note(name, 0, true);
    return undefined;
  }
  try {
    await packageTree(build, passes, world, packages, building, stages, context);
    await stages.run('agent', 'adding the agent', () => addAgent(building, build));
    await stages.run('configuration', 'configuring the image', async () => {
      await configureTree(building, world.imageSources);
      await copyKeys(building, world);
    });
    const { version } = await kernelOf(building, build.release.kernelFile[build.arch] ?? 'vmlinuz', build.kernelver);
    await stages.run('postinstall', 'running postinstall scripts', () =>
      runPostinstall(building, version, build, context),
    );
    clampTimes(building, began);
    context.signal.throwIfAborted();
    const old = await swapTree(build.rootimgdir, context.id);
    await writeBuildRecord(build.rootimgdir, { format: 1, key, kernelver: version, arch: build.arch });
    return old;
  } catch (error) {
    await removeTree(building);
    throw error;
  }
}

/** What the pkglist says, and what an image cannot do without. */
async function wantedPasses(build: Build): Promise<readonly Pass[]> {
  const reader = { read: (path: string) => readFile(path, 'utf8'), environment: build.environment };
  const [first, ...later] = await readPkglists(build.pkglist, reader);
  const others = await readPkglists(build.otherpkglist, reader);
  if (others.length > 0) {
    throw new HostlerError(
      'unimplemented',
      `Packages of otherpkglist cannot be installed into ${build.osvers} yet. Name them in the pkglist, and their repository in pkgdir.`,
    );
  }
  const asked = [...(first?.packages ?? []), ...later.flatMap((pass) => pass.packages)];
  const group = asked.find((name) => name.startsWith('@'));
  if (group !== undefined) {
    throw new HostlerError(
      'invalid_argument',
      `The package group ${group} means nothing to apt. Name packages, or a task as NAME^.`,
    );
  }
  const kernel = build.release.kernels[build.arch];
  const hasKernel = asked.some((name) => new RegExp(build.release.kernelPackage).test(name));
  const needed = [...build.release.packages, ...(hasKernel || kernel === undefined ? [] : [kernel])].filter(
    (name) => !asked.includes(name),
  );
  const pass = first ?? { packages: [], remove: [], removeAfter: [], environment: {} };
  return [{ ...pass, packages: [...new Set([...needed, ...pass.packages])] }, ...later];
}

async function packageTree(
  build: Build,
  passes: readonly Pass[],
  world: AptWorld,
  key: string,
  building: string,
  stages: Stages,
  context: TaskContext,
): Promise<void> {
  const cache = new BuildCache(context.home);
  await cache.prepare();
  const began = Date.now();
  context.progress('bootstrap', 'looking for a tree of the same packages');
  if (!build.fresh && (await cache.take(key, building, context.signal))) {
    stages.note('bootstrap', 0, true);
    stages.note('packages', (Date.now() - began) / 1000, true);
    return;
  }
  const times = await bootstrapTree(
    { build, passes, resolved: world.resolved, apt: world.snapshot, debs: cache.debs, target: building },
    context,
  );
  stages.note('bootstrap', times.bootstrap);
  clampTimes(building, began);
  context.progress('packages', 'keeping the tree for the next build');
  const keeping = Date.now();
  await cache.keep(key, building, context.signal);
  stages.note('packages', times.packages + (Date.now() - keeping) / 1000);
  await cache.trim();
}

/** Public keys that the image's own sources name, where no package brought them. */
async function copyKeys(building: string, world: AptWorld): Promise<void> {
  for (const file of keyFiles(world.sources)) {
    if ((await existsInside(building, file)) === undefined) await writeInside(building, file, await readFile(file));
  }
}
