import { chmod, readFile, readdir, stat, truncate, writeFile } from 'node:fs/promises';
import { existsInside, inside, linkInside, removeInside, writeInside } from '../image-tree/inside.ts';
import { enableUnit, hasUnit } from '../image-tree/units.ts';

/** Taken away: what belongs to one machine, to the build, or is made anew by whoever needs it. */
const leftovers: readonly string[] = [
  'etc/hostname',
  'var/lib/dbus/machine-id',
  'etc/apt/apt.conf.d/99mmdebstrap',
  'etc/dpkg/dpkg.cfg.d/99mmdebstrap',
  'var/cache/apt/pkgcache.bin',
  'var/cache/apt/srcpkgcache.bin',
  'var/log/bootstrap.log',
  'var/log/alternatives.log',
  'var/log/dpkg.log',
  'var/log/apt/history.log',
  'var/log/apt/term.log',
  'var/log/apt/eipp.log.xz',
];

/** Emptied: the folders themselves belong to packages. */
const emptied: readonly string[] = [
  'var/lib/apt/lists',
  'var/cache/apt/archives',
  'tmp',
  'var/tmp',
  'run',
  'var/lib/systemd/random-seed',
];

/** Systemd units that every image runs where it has them. */
const units: readonly string[] = ['systemd-networkd.service', 'systemd-resolved.service'];

/** Makes a tree of packages into one that many machines can boot at the same time. `sources`: the image's own apt source. */
export async function configureTree(root: string, sources: string): Promise<void> {
  for (const path of leftovers) await removeInside(root, path);
  for (const path of emptied) await empty(root, path);
  await writeInside(root, 'etc/machine-id', '', 0o444);
  await removeMatching(root, 'etc/ssh', /^ssh_host_.*key(?:\.pub)?$/);
  await lockRoot(root);
  await placeSources(root, sources);
  await fillIn(root, 'etc/hosts', '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n', /./);
  // What mmdebstrap and debootstrap write there is a remark that nothing was configured.
  await fillIn(
    root,
    'etc/fstab',
    '# The root file system is the image with a writable layer in memory; nothing to mount for it.\n',
    /^[^#\s]/m,
  );
  for (const unit of units) await enableUnit(root, unit);
  await resolver(root);
  await hostKeys(root);
}

async function empty(root: string, path: string): Promise<void> {
  const folder = await existsInside(root, path);
  if (folder === undefined || !(await stat(folder)).isDirectory()) return;
  for (const name of await readdir(folder)) await removeInside(root, `${path}/${name}`);
}

async function removeMatching(root: string, path: string, pattern: RegExp): Promise<void> {
  const folder = await existsInside(root, path);
  if (folder === undefined) return;
  for (const name of await readdir(folder)) if (pattern.test(name)) await removeInside(root, `${path}/${name}`);
}

/** Nobody logs in as root with a password unless a postinstall script says so. */
async function lockRoot(root: string): Promise<void> {
  const file = await existsInside(root, 'etc/shadow');
  if (file === undefined) return;
  const { mode } = await stat(file);
  await writeFile(file, (await readFile(file, 'utf8')).replace(/^root:[^:]*:/m, 'root:*:'));
  await chmod(file, mode & 0o7777);
}

async function placeSources(root: string, sources: string): Promise<void> {
  await removeMatching(root, 'etc/apt/sources.list.d', /^0000/);
  const list = await existsInside(root, 'etc/apt/sources.list');
  if (list !== undefined) await truncate(list);
  await writeInside(root, 'etc/apt/sources.list.d/debian.sources', sources);
}

async function fillIn(root: string, path: string, text: string, hasContent: RegExp): Promise<void> {
  const file = await existsInside(root, path);
  if (file !== undefined && hasContent.test(await readFile(file, 'utf8'))) return;
  await writeInside(root, path, text);
}

/** systemd-resolved where it is installed, else what the initrd was told by DHCP. */
async function resolver(root: string): Promise<void> {
  const resolved = await hasUnit(root, 'systemd-resolved.service');
  const link = await inside(root, 'etc/resolv.conf', false);
  await removeInside(root, 'etc/resolv.conf');
  await linkInside(
    root,
    link.slice(root.length),
    resolved ? '../run/systemd/resolve/stub-resolv.conf' : '../run/hostler/resolv.conf',
  );
}

/** An image has no host keys, so each boot makes its own before the ssh server starts. */
async function hostKeys(root: string): Promise<void> {
  for (const unit of ['ssh.service', 'sshd.service']) {
    if (!(await hasUnit(root, unit)) || (await existsInside(root, 'usr/bin/ssh-keygen')) === undefined) continue;
    await writeInside(
      root,
      `etc/systemd/system/${unit}.d/host-keys.conf`,
      '[Service]\nExecStartPre=\nExecStartPre=/usr/bin/ssh-keygen -A\nExecStartPre=/usr/sbin/sshd -t\n',
    );
  }
}
