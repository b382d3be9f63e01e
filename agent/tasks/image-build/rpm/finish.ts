import { chmod, copyFile, mkdir, readFile, readdir, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { run } from '../../../../shared/process/run.ts';
import { existsInside, inside, linkInside, removeInside, writeInside } from '../../image-tree/inside.ts';
import type { Json } from '../../../../shared/verb/effect.ts';
import type { TaskContext } from '../../types.ts';
import type { Build } from '../spec.ts';
import type { TreeView } from '../view.ts';
import { convertDatabase } from './database.ts';
import type { Session } from './installer.ts';
import { imageRepositories } from './settings.ts';

/** Scripts of kernel-install that would make an initrd nobody uses, in minutes under emulation. */
const initrdMakers = ['50-dracut.install', '51-dracut-rescue.install', '20-grub.install', '92-crashkernel.install'];
const installFolder = 'etc/kernel/install.d';

/** Switches them off; what is returned takes the switches away again. */
export async function withoutInitrds(root: string): Promise<() => Promise<void>> {
  const made: string[] = [];
  const hadFolders = await Promise.all(['etc', 'etc/kernel', installFolder].map((path) => existsInside(root, path)));
  for (const name of initrdMakers) {
    const path = `${installFolder}/${name}`;
    if ((await existsInside(root, path)) !== undefined) continue;
    await linkInside(root, path, '/dev/null');
    made.push(path);
  }
  return async () => {
    for (const path of made) await removeInside(root, path);
    for (const [index, path] of [installFolder, 'etc/kernel'].entries()) {
      // What a package brought meanwhile stays.
      if (hadFolders[2 - index] === undefined) await rmdir(await inside(root, path)).catch(() => {});
    }
  };
}

/** A kernel file in /boot and the tables of its modules, where no script of the package made them in the tree. */
export async function finishKernels(view: TreeView, build: Build, context: TaskContext): Promise<void> {
  const prefix = build.release.kernelFile[build.arch] ?? 'vmlinuz';
  const folder = await existsInside(view.root, 'lib/modules');
  if (folder === undefined) return;
  for (const version of await readdir(folder)) {
    const own = await existsInside(view.root, `lib/modules/${version}/${prefix}`);
    const boot = `boot/${prefix}-${version}`;
    if (own !== undefined && (await existsInside(view.root, boot)) === undefined) {
      const target = await inside(view.root, boot);
      await mkdir(dirname(target), { recursive: true, mode: 0o755 });
      await copyFile(own, target);
      await chmod(target, 0o644);
    }
    const hasModules = (await existsInside(view.root, `lib/modules/${version}/kernel`)) !== undefined;
    if (!hasModules || (await existsInside(view.root, `lib/modules/${version}/modules.dep`)) !== undefined) continue;
    const { program, args } = view.enter('depmod', ['-b', view.seenAt, version]);
    await run(program, args, { signal: context.signal });
  }
}

/** What tells the day, the machine or the order of installation. */
export async function removeTraces(root: string, cache: string): Promise<void> {
  for (const path of [
    cache,
    'var/cache/dnf',
    'var/cache/zypp',
    'var/cache/ldconfig',
    'var/lib/dnf',
    'var/log/dnf.log',
    'var/log/dnf.librepo.log',
    'var/log/dnf.rpm.log',
    'var/log/hawkey.log',
    'var/log/zypper.log',
    'var/log/zypp',
    'etc/.pwd.lock',
    'etc/passwd-',
    'etc/shadow-',
    'etc/group-',
    'etc/gshadow-',
    'etc/subuid-',
    'etc/subgid-',
    'run/zypp.pid',
  ]) {
    await removeInside(root, path);
  }
}

/** What decides `configureRpmTree`. */
export function filesInput({ build, repositories }: Session, backend: string): Json {
  return {
    format: 1,
    repositories: imageRepositories([...repositories.packages, ...repositories.otherpkgs]) ?? '',
    database: [backend, build.release.database?.backend ?? ''],
  };
}

/** The image's own repositories, and its database in the form that its own rpm reads. */
export async function configureRpmTree(root: string, session: Session, backend: string): Promise<void> {
  const { build, repositories, context } = session;
  const folder = build.release.bootstrap === 'zypper' ? 'etc/zypp/repos.d' : 'etc/yum.repos.d';
  await disableRepositories(root, folder);
  const text = imageRepositories([...repositories.packages, ...repositories.otherpkgs]);
  if (text !== undefined) await writeInside(root, `${folder}/hostler.repo`, text);
  await convertDatabase(root, build.release, backend, context.signal);
}

/** A node asks what its image was made of, not the vendor on the internet. */
async function disableRepositories(root: string, path: string): Promise<void> {
  const folder = await existsInside(root, path);
  if (folder === undefined) return;
  for (const name of (await readdir(folder)).filter((entry) => entry.endsWith('.repo'))) {
    const file = await inside(root, `${path}/${name}`);
    const before = await readFile(file, 'utf8');
    const after = disabled(before);
    if (after !== before) await writeFile(join(file), after);
  }
}

/** `enabled=0` in every section. */
export function disabled(text: string): string {
  return text
    .split('\n')
    .filter((line) => !/^\s*enabled\s*=/.test(line))
    .flatMap((line) => (/^\s*\[.+\]\s*$/.test(line) ? [line, 'enabled=0'] : [line]))
    .join('\n');
}
