import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { processFailure } from '../../../shared/process/failure.ts';
import { run } from '../../../shared/process/run.ts';
import { textFile } from '../../../shared/text/text-file.ts';
import type { TaskContext } from '../types.ts';
import { confined } from '../image-tree/confined.ts';
import { buildEnvironment } from '../image-tree/environment.ts';
import { explainApt } from './apt/explain.ts';
import { AptFollower } from './apt/progress.ts';
import type { Resolved } from './apt/resolve.ts';
import type { Pass } from './pkglist.ts';
import type { Build } from './spec.ts';

/** What mmdebstrap calls at every stage. */
export const hookText = textFile(import.meta.url, './mmdebstrap-hook.sh');

export interface BootstrapRequest {
  readonly build: Build;
  readonly passes: readonly Pass[];
  readonly resolved: Resolved;
  /** Folder of the build's apt. */
  readonly apt: string;
  /** Package files kept from build to build. */
  readonly debs: string;
  readonly target: string;
}

export interface BootstrapTimes {
  readonly bootstrap: number;
  readonly packages: number;
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

/** A tree with all packages, by mmdebstrap and the machine's own apt. */
export async function bootstrapTree(request: BootstrapRequest, context: TaskContext): Promise<BootstrapTimes> {
  const { build, passes, resolved, apt, debs, target } = request;
  const hook = join(context.dir, 'mmdebstrap-hook');
  const passFolder = join(context.dir, 'passes');
  const wanted = join(context.dir, 'wanted-debs');
  await writeFile(hook, hookText);
  await chmod(hook, 0o755);
  await rm(passFolder, { recursive: true, force: true });
  await mkdir(passFolder);
  await writeFile(wanted, resolved.packages.map((line) => `${debFile(line)}\n`).join(''));
  for (const [index, words] of laterCalls(passes, target).entries()) {
    await writeFile(join(passFolder, String(index).padStart(4, '0')), words.map((word) => `${word}\0`).join(''));
  }
  const first = passes[0];
  const include = first === undefined ? [] : [...first.packages, ...first.remove.map((name) => `${name}-`)];
  const hooks = ['setup', 'extract', 'customize'].map((stage) => `--${stage}-hook=${hook}`);
  const args = [
    ...treeOptions,
    `--architectures=${build.architecture.debian}`,
    ...hooks,
    ...(include.length > 0 ? [`--include=${include.join(',')}`] : []),
    build.release.codename,
    target,
    join(apt, 'sources.list.d', 'build.sources'),
  ];
  const follower = new AptFollower(resolved.packages.length);
  const began = Date.now();
  let packagesBegan: number | undefined;
  const { program, args: all } = confined('mmdebstrap', args);
  try {
    await run(program, all, {
      signal: context.signal,
      keepBytes: 4 << 20,
      inheritEnv: false,
      env: buildEnvironment({
        ...build.environment,
        ...first?.environment,
        INITRD: 'No',
        DEBIAN_FRONTEND: 'noninteractive',
        TMPDIR: context.dir,
        HOSTLER_APT: apt,
        HOSTLER_DEBS: debs,
        HOSTLER_WANTED: wanted,
        HOSTLER_PASSES: passFolder,
      }),
      onLine: (line) => {
        context.log(line);
        const progress = follower.line(line);
        if (progress === undefined) return;
        if (progress.stage === 'packages') packagesBegan ??= Date.now();
        context.progress(progress.stage, progress.text, progress.done, progress.total, 'packages');
      },
    });
  } catch (error) {
    const failure = processFailure(error);
    if (failure === undefined) throw error;
    throw explainApt(
      `${failure.stdout}\n${failure.stderr}`,
      `The packages of ${build.image} could not be installed`,
      error,
    );
  }
  const ended = Date.now();
  return { bootstrap: ((packagesBegan ?? ended) - began) / 1000, packages: (ended - (packagesBegan ?? ended)) / 1000 };
}

/** `libc6 1:2.36-9 amd64` as apt names its file. */
export function debFile(line: string): string {
  const [name = '', version = '', arch = ''] = line.split(' ');
  return `${name}_${version.replaceAll(':', '%3a')}_${arch}.deb`;
}

/** Calls after the first pass, each as words for env(1): apt runs outside the tree and dpkg inside, as mmdebstrap does it. */
function laterCalls(passes: readonly Pass[], target: string): string[][] {
  const apt = [
    'apt-get',
    '-o',
    'Dir::Bin::dpkg=env',
    '-o',
    'DPkg::Options::=--unset=TMPDIR',
    '-o',
    'DPkg::Options::=dpkg',
    '-o',
    `DPkg::Chroot-Directory=${target}`,
    '--yes',
  ];
  return passes.flatMap((pass, index) => {
    const environment = Object.entries(pass.environment).map(([name, value]) => `${name}=${value}`);
    const install = [...pass.packages, ...pass.remove.map((name) => `${name}-`)];
    const calls: string[][] = [];
    if (index > 0 && install.length > 0) calls.push([...environment, ...apt, 'install', '--', ...install]);
    if (pass.removeAfter.length > 0) calls.push([...environment, ...apt, 'purge', '--', ...pass.removeAfter]);
    return calls;
  });
}
