import { createHash } from 'node:crypto';
import { copyFile, link, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { run } from '../../../../shared/process/run.ts';
import { archWord } from '../../../facts/system.ts';
import { existsInside, writeInside } from '../../image-tree/inside.ts';
import { withLock } from '../../image-tree/lock.ts';
import { installedPackages } from '../../image-tree/packages.ts';
import type { TaskContext } from '../../types.ts';
import type { PackageFamily, PackageWorld, Resolved, Wanted } from '../family.ts';
import { nativeFolder } from '../native-tools.ts';
import type { Pass } from '../pkglist.ts';
import type { Build } from '../spec.ts';
import { bootstrapTree, hookText, treeOptions } from './bootstrap.ts';
import { placeSources } from './configure.ts';
import { requireFolder } from './folder.ts';
import { flatSource, withLists } from './flat.ts';
import { installMounts, installPasses } from './install.ts';
import { wantedOfApt } from './lists.ts';
import { machineApt } from './machine.ts';
import type { MachineApt } from './machine.ts';
import { normaliseApt, settledApt } from './normalise.ts';
import { requireSources, resolvePackages, updateLists } from './resolve.ts';
import { formatSources, keyFiles, sourcesFor, sourcesOfOther, sourcesOfPkgdir, withoutCredentials } from './sources.ts';
import type { Source } from './sources.ts';

/** Raised when this code installs otherwise than before. */
const format = 2;

/** Debian and its kin: mmdebstrap for the first tree, then apt from outside. */
export const aptFamily: PackageFamily = {
  tools: (build) => [
    ...['mmdebstrap', 'apt-get', 'apt-config', 'dpkg'],
    // mmdebstrap asks it whether a foreign architecture can be run.
    ...(build.arch === archWord() ? [] : ['arch-test']),
  ],
  check: async (build) => {
    for (const entry of build.pkgdir.filter((one) => one.startsWith('/'))) await requireFolder(entry, build);
  },
  wanted: wantedOfApt,
  open: openApt,
};

interface State {
  readonly build: Build;
  readonly wanted: Wanted;
  readonly machine: MachineApt;
  readonly sources: readonly Source[];
  /** Folder with lists, sources and settings that nobody else changes while the build runs. */
  readonly snapshot: string;
  readonly debs: string;
  /** Tools of this machine for a tree of another architecture. */
  readonly native: string | undefined;
}

/** The lists are kept in the agent's cache and fetched only when they changed. */
async function openApt(build: Build, wanted: Wanted, context: TaskContext): Promise<PackageWorld> {
  const { signal } = context;
  // Asked while the lists are fetched.
  const tools = toolVersions(signal);
  tools.catch(() => {}); // awaited below, whatever fails first
  const machine = await machineApt(signal);
  const { codename } = build.release;
  const given =
    build.pkgdir.length > 0
      ? sourcesOfPkgdir(build.pkgdir, codename, build.release.components)
      : sourcesFor(codename, machine.codename, machine.sources);
  requireSources(given, codename, machine.files);
  const others = wanted.otherpkgs.flatMap((pass) => pass.packages);
  const folders = [
    ...sourcesOfOther(build.otherpkgdir, others, codename),
    ...(build.kerneldir === '' ? [] : [flatSource(build.kerneldir)]),
  ];
  const { sources, netrc } = withoutCredentials([...given, ...(await withLists(folders, context))]);
  const architecture = build.architecture.debian;
  const key = digest(JSON.stringify([architecture, sources])).slice(0, 16);
  const folder = join(context.home, 'cache', 'apt', `${codename}-${architecture}-${key}`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const place = {
    folder,
    architecture,
    sources,
    acquire: machine.acquire,
    netrc: [machine.netrc, ...netrc].filter((text) => text !== '').join('\n'),
    signal,
  };
  const debs = join(context.home, 'cache', 'debs');
  await mkdir(debs, { recursive: true, mode: 0o700 });
  const snapshot = join(context.dir, 'apt');
  const plain = { ...wanted, otherpkgs: wanted.otherpkgs.map(withoutFolders) };
  const names = namesOf(wanted.packages);
  const { state, ...resolved } = await withLock(`${folder}.lock`, 'wait', signal, async () => {
    const state = await updateLists(place);
    const bootstrap = await resolvePackages(place, state, []);
    const packages = await resolvePackages(place, state, names);
    const otherpkgs =
      others.length === 0 ? packages : await resolvePackages(place, state, [...names, ...namesOf(plain.otherpkgs)]);
    await copySmall(folder, snapshot);
    return { state, bootstrap, packages, otherpkgs };
  });
  const native = nativeFolder(build.arch, context.dir);
  return worldOf({ build, wanted: plain, machine, sources, snapshot, debs, native }, state, resolved, await tools);
}

async function worldOf(
  { build, wanted, machine, sources, snapshot, debs, native }: State,
  state: string,
  resolved: Readonly<Record<'bootstrap' | 'packages' | 'otherpkgs', Resolved>>,
  tools: readonly string[],
): Promise<PackageWorld> {
  const imageSources = formatSources(sources.filter((source) => source.uris.every((uri) => !uri.startsWith('copy:'))));
  const keys = await Promise.all(keyFiles(sources).map(async (file) => [file, await readFile(file)] as const));
  return {
    state,
    resolved,
    inputs: {
      bootstrap: [format, build.release.codename, treeOptions, hookText, ...tools],
      packages: [format, ...tools],
      otherpkgs: [format, ...tools],
      files: [format, imageSources, keys.map(([file, content]) => [file, digest(content)])],
    },
    bootstrap: (target, context) =>
      bootstrapTree({ build, resolved: resolved.bootstrap, apt: snapshot, debs, target }, context),
    mounts: () => installMounts(snapshot, native),
    install: async (stage, view, context) => {
      const before = new Set(await aptInstalled(view.root));
      const target = resolved[stage];
      const news = target.packages.filter((line) => !before.has(line)).length;
      const { acquire } = machine;
      const passes = wanted[stage];
      await installPasses(
        { build, stage, passes, resolved: target, news, apt: snapshot, acquire, debs },
        view,
        context,
      );
    },
    installed: aptInstalled,
    normalise: normaliseApt,
    settled: settledApt,
    configure: async (root) => {
      await placeSources(root, imageSources);
      // Public keys that the image's own sources name, where no package brought them.
      for (const [file, content] of keys) {
        if ((await existsInside(root, file)) === undefined) await writeInside(root, file, content);
      }
    },
  };
}

async function aptInstalled(root: string): Promise<string[]> {
  return (await installedPackages(root)).map(({ name, version, arch }) => `${name} ${version} ${arch}`).sort();
}

/** `tools/mytool` says in which folder of otherpkgdir it is; to apt it is a plain name. */
function withoutFolders(pass: Pass): Pass {
  const plain = (name: string): string => name.slice(name.lastIndexOf('/') + 1);
  const { packages, remove, removeAfter } = pass;
  return {
    ...pass,
    packages: packages.map(plain),
    remove: remove.map(plain),
    removeAfter: removeAfter.map(plain),
  };
}

function namesOf(passes: readonly Pass[]): string[] {
  return passes.flatMap((pass) => [...pass.packages, ...pass.remove.map((name) => `${name}-`)]);
}

function digest(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

async function toolVersions(signal: AbortSignal): Promise<string[]> {
  const first = async (program: string): Promise<string> =>
    (await run(program, ['--version'], { signal })).stdout.split('\n')[0] ?? '';
  return Promise.all(['mmdebstrap', 'apt-get', 'dpkg'].map(first));
}

/** Hard links suffice: apt replaces its lists, it never writes into them. */
async function copySmall(from: string, to: string): Promise<void> {
  await rm(to, { recursive: true, force: true });
  for (const name of ['acquire.conf', 'auth.conf', 'sources.list.d/build.sources'])
    await linkOrCopy(join(from, name), join(to, name));
  for (const entry of await readdir(join(from, 'lists'), { withFileTypes: true })) {
    if (entry.isFile() && entry.name !== 'lock')
      await linkOrCopy(join(from, 'lists', entry.name), join(to, 'lists', entry.name));
  }
  for (const name of ['lists/partial', 'archives/partial', 'log']) await mkdir(join(to, name), { recursive: true });
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true, mode: 0o700 });
  try {
    await link(from, to);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return; // auth.conf need not be there
    if (code !== 'EXDEV' && code !== 'EPERM' && code !== 'EMLINK') throw error;
    await copyFile(from, to);
  }
}
