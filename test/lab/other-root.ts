import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import type { Ended } from '../tools/commands.ts';

/** What is seen in the other root: path there to the folder of this one, writable or not. */
export type Shown = Readonly<Record<string, { readonly folder: string; readonly writable?: boolean }>>;

/*
 * The machine's programs and settings, and of everything else only what is shown. A root of a mount namespace, not only of
 * a process: whoever makes a namespace inside stays inside. Arguments: root, line, then folder, path, mode of each shown.
 */
const enter = `
root=$1 line=$2
shift 2
mount --bind "$root" "$root"
for name in usr bin sbin lib lib32 lib64 etc dev proc sys; do
  if [ -L "/$name" ]; then
    [ -L "$root/$name" ] || cp -P "/$name" "$root/$name"
  elif [ -d "/$name" ]; then
    mkdir -p "$root/$name"
    mount --rbind "/$name" "$root/$name"
  fi
done
mount -o remount,bind,ro "$root/etc"
while [ $# -gt 0 ]; do
  mkdir -p "$root$2"
  mount --bind "$1" "$root$2"
  [ "$3" = rw ] || mount -o remount,bind,ro "$root$2"
  shift 3
done
mkdir -p "$root/tmp" "$root/var/cache" "$root/var/lib" "$root/var/log" "$root/var/tmp" "$root/run" "$root/root" "$root/.before"
cd "$root"
pivot_root . .before
umount -l /.before
rmdir /.before
exec env -i PATH="$PATH" HOME=/root LC_ALL=C sh -c "$line"
`;

/** Runs a line of a shell in another root on this machine, which nothing but what is shown connects with this one. */
export async function inOtherRoot(root: string, shown: Shown, line: string, timeoutMs = 120_000): Promise<Ended> {
  await mkdir(root, { recursive: true });
  const folders = Object.entries(shown).flatMap(([path, { folder, writable }]) => [
    folder,
    path,
    writable === true ? 'rw' : 'ro',
  ]);
  const args = ['--mount', '--propagation', 'private', '--', 'sh', '-eu', '-c', enter, 'sh', root, line, ...folders];
  const child = spawn('unshare', args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: timeoutMs });
  const exit = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? -1));
  });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { exit: await exit, stdout, stderr };
}
