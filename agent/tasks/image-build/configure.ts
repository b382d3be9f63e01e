import { chmod, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { existsInside, inside, linkInside, removeInside, writeInside } from '../image-tree/inside.ts';
import { enableUnit, hasUnit } from '../image-tree/units.ts';

/** Taken away: what belongs to one machine, to the build, or is made anew by whoever needs it. */
const leftovers: readonly string[] = ['etc/hostname', 'var/lib/dbus/machine-id'];

/** Emptied: the folders themselves belong to packages. */
const emptied: readonly string[] = ['tmp', 'var/tmp', 'run', 'var/lib/systemd/random-seed'];

/** Raised when this code makes another tree of the same inputs. */
export const configureFormat = 2;

/** Makes a tree of packages into one that many machines can boot at the same time. `units`: to run where it has them. */
export async function configureTree(root: string, units: readonly string[]): Promise<void> {
  for (const path of leftovers) await removeInside(root, path);
  for (const path of emptied) await empty(root, path);
  await writeInside(root, 'etc/machine-id', '', 0o444);
  await removeMatching(root, 'etc/ssh', /^ssh_host_.*key(?:\.pub)?$/);
  await lockRoot(root);
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
