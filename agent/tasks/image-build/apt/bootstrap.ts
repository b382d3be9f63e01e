import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { textFile } from '../../../../shared/text/text-file.ts';
import type { TaskContext } from '../../types.ts';
import { confined } from '../../image-tree/confined.ts';
import type { Resolved } from '../family.ts';
import { fillNative, nativeFolder, nativePath } from '../native-tools.ts';
import type { Build } from '../spec.ts';
import { followApt } from './follow.ts';
import { AptFollower } from './progress.ts';

/** What mmdebstrap calls at every stage. */
export const hookText = textFile(import.meta.url, './mmdebstrap-hook.sh');

export interface BootstrapRequest {
  readonly build: Build;
  readonly resolved: Resolved;
  /** Folder of the build's apt. */
  readonly apt: string;
  /** Package files kept from build to build. */
  readonly debs: string;
  /** There, and empty. */
  readonly target: string;
}

/** Options of mmdebstrap that change what it makes: part of the key of its result. */
export const treeOptions: readonly string[] = [
  '--mode=root',
  '--format=directory',
  '--variant=minbase',
  '--verbose',
  '--skip=update',
  '--aptopt=Apt::Install-Recommends "false"',
  '--dpkgopt=force-confold',
  // The half-made tree is worth nothing after a crash, so nothing need be synced file by file.
  '--dpkgopt=force-unsafe-io',
];

/** What reaches the scripts of the packages that every tree has: how to reach the network, and nothing of the image. */
const network = /^(?:https?|ftp|no|all)_proxy$/i;

/** The packages that every tree has, by mmdebstrap and the machine's own apt. */
export async function bootstrapTree(request: BootstrapRequest, context: TaskContext): Promise<void> {
  const { build, resolved, apt, debs, target } = request;
  const hook = join(context.dir, 'mmdebstrap-hook');
  const wanted = join(context.dir, 'wanted-debs');
  await writeFile(hook, hookText);
  await chmod(hook, 0o755);
  await writeFile(wanted, resolved.packages.map((line) => `${debFile(line)}\n`).join(''));
  const native = nativeFolder(build.arch, context.dir);
  if (native !== undefined) await fillNative(native);
  const follower = new AptFollower('bootstrap', resolved.packages.length);
  const { program, args } = confined('mmdebstrap', bootstrapArguments(build, hook, apt, target));
  const proxies = Object.fromEntries(Object.entries(build.environment).filter(([name]) => network.test(name)));
  const env = {
    ...proxies,
    TMPDIR: context.dir,
    HOSTLER_APT: apt,
    HOSTLER_DEBS: debs,
    HOSTLER_WANTED: wanted,
    ...(native !== undefined && { HOSTLER_NATIVE: native, PATH: nativePath }),
  };
  const failed = `The packages that every image of ${build.osvers} has could not be installed`;
  await followApt({ program, args, env, follower, failed }, context);
}

/** The whole command line. `apt`: folder with the build's own sources. */
export function bootstrapArguments(
  build: Pick<Build, 'release' | 'architecture'>,
  hook: string,
  apt: string,
  target: string,
): string[] {
  return [
    ...treeOptions,
    `--architectures=${build.architecture.debian}`,
    ...['setup', 'extract', 'customize'].map((stage) => `--${stage}-hook=${hook}`),
    build.release.codename,
    target,
    join(apt, 'sources.list.d', 'build.sources'),
  ];
}

/** `libc6 1:2.36-9 amd64` as apt names its file. */
export function debFile(line: string): string {
  const [name = '', version = '', arch = ''] = line.split(' ');
  return `${name}_${version.replaceAll(':', '%3a')}_${arch}.deb`;
}
