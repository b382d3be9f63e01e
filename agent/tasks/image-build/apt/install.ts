import { link, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TaskContext } from '../../types.ts';
import { removeInside, writeInside } from '../../image-tree/inside.ts';
import type { PackageStage, Resolved } from '../family.ts';
import { fillNative, nativeFolder, nativePath, nativePlace } from '../native-tools.ts';
import type { Pass } from '../pkglist.ts';
import type { Build } from '../spec.ts';
import type { Mounts, TreeView } from '../view.ts';
import { debFile } from './bootstrap.ts';
import { followApt } from './follow.ts';
import { AptFollower } from './progress.ts';
import { aptConf } from './resolve.ts';

const archives = 'var/cache/apt/archives';

export interface InstallRequest {
  readonly build: Build;
  readonly stage: PackageStage;
  readonly passes: readonly Pass[];
  readonly resolved: Resolved;
  /** How many of them this stage brings. */
  readonly news: number;
  /** Folder of the build's apt, with the machine's Acquire settings. */
  readonly apt: string;
  readonly acquire: readonly string[];
  readonly debs: string;
}

/** The build's own folder of package files, seen in the tree as apt's; and what need not be emulated. */
export function installMounts(apt: string, native: string | undefined): Mounts {
  const tools = native === undefined ? [] : [[native, nativePlace] as const];
  return { system: true, binds: [[join(apt, 'archives'), archives], ...tools] };
}

/** Passes one after the other: apt runs outside the tree, dpkg inside. */
export async function installPasses(request: InstallRequest, view: TreeView, context: TaskContext): Promise<void> {
  const { build, stage, passes, resolved, apt, debs } = request;
  const own = join(apt, 'archives');
  await mkdir(join(own, 'partial'), { recursive: true, mode: 0o755 });
  for (const line of resolved.packages) await link(join(debs, debFile(line)), join(own, debFile(line))).catch(() => {});
  const native = nativeFolder(build.arch, context.dir);
  if (native !== undefined) await fillNative(native);
  const config = join(apt, 'install.conf');
  await writeFile(config, installConf(request, view, native), { mode: 0o600 });
  // Nothing that a package brings may start on this machine (man invoke-rc.d).
  await writeInside(view.root, 'usr/sbin/policy-rc.d', '#!/bin/sh\nexit 101\n', 0o755);
  const follower = new AptFollower(stage, request.news);
  try {
    for (const pass of passes) {
      const install = [...pass.packages, ...pass.remove.map((name) => `${name}-`)];
      if (install.length > 0) await call(pass, ['install', '--', ...install]);
      if (pass.removeAfter.length > 0) await call(pass, ['purge', '--', ...pass.removeAfter]);
    }
  } finally {
    await removeInside(view.root, 'usr/sbin/policy-rc.d');
    await keepDebs(own, debs);
  }

  async function call(pass: Pass, words: readonly string[]): Promise<void> {
    const { program, args } = view.enter('apt-get', ['--yes', ...words]);
    const env = { ...build.environment, ...pass.environment, APT_CONFIG: config };
    const failed = `The packages of ${build.image} could not be installed`;
    await followApt({ program, args, env, follower, failed }, context);
  }
}

function installConf(
  { build, apt, acquire }: InstallRequest,
  { seenAt }: TreeView,
  native: string | undefined,
): string {
  const inTree: readonly (readonly [string, string])[] = [
    ['Dir::State::status', `${seenAt}/var/lib/dpkg/status`],
    ['Dir::State::extended_states', `${seenAt}/var/lib/apt/extended_states`],
    ['Dir::Cache::archives', `${seenAt}/${archives}`],
    ['Dir::Log', join(apt, 'log')],
    ['Dir::Bin::dpkg', 'env'],
    ['DPkg::Chroot-Directory', seenAt],
    ['APT::Keep-Downloaded-Packages', 'true'],
    // Nobody else uses this folder; the tree is ours alone.
    ['Debug::NoLocking', 'true'],
    // A package that must be taken out for another is an error of the lists, not something to guess.
    ['APT::Get::Fix-Broken', 'false'],
    // What dpkg and the scripts of packages find first.
    ...(native === undefined ? [] : [['DPkg::Path', nativePath] as const]),
  ];
  return [
    aptConf({ folder: apt, architecture: build.architecture.debian, acquire }),
    ...inTree.map(([name, value]) => `${name} "${value}";`),
    'DPkg::Options { "--unset=TMPDIR"; "--unset=APT_CONFIG"; "dpkg"; "--force-confold"; "--force-unsafe-io"; };',
    '',
  ].join('\n');
}

/** What was fetched is there for the next build. */
async function keepDebs(own: string, debs: string): Promise<void> {
  for (const name of await readdir(own)) {
    if (name.endsWith('.deb')) await link(join(own, name), join(debs, name)).catch(() => {});
  }
}
