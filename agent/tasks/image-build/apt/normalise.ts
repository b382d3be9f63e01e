import { readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { existsInside, removeInside } from '../../image-tree/inside.ts';

/** Written by every run of apt or dpkg, and of no use to an image. */
const traces: readonly string[] = [
  'etc/apt/apt.conf.d/99mmdebstrap',
  'etc/dpkg/dpkg.cfg.d/99mmdebstrap',
  'var/cache/apt/pkgcache.bin',
  'var/cache/apt/srcpkgcache.bin',
  'var/cache/ldconfig/aux-cache',
  'var/cache/debconf/config.dat-old',
  'var/cache/debconf/templates.dat-old',
  'var/lib/dpkg/available-old',
  'var/lib/dpkg/diversions-old',
  'var/lib/dpkg/lock',
  'var/lib/dpkg/lock-frontend',
  'var/lib/dpkg/status-old',
  'var/lib/dpkg/statoverride-old',
  'var/lib/dpkg/triggers/Lock',
  'var/lib/apt/daily_lock',
  'var/lib/apt/lists/lock',
  'var/log/bootstrap.log',
  'var/log/alternatives.log',
  'var/log/dpkg.log',
  'var/log/apt/history.log',
  'var/log/apt/term.log',
  'var/log/apt/eipp.log.xz',
];

const emptied: readonly string[] = ['var/lib/apt/lists', 'var/cache/apt/archives'];

/** Databases of stanzas or lines whose order is that of installation. */
const sorted: readonly (readonly [path: string, between: string])[] = [
  ['var/lib/dpkg/status', '\n\n'],
  ['var/lib/apt/extended_states', '\n\n'],
  ['var/lib/dpkg/triggers/File', '\n'],
];

/** They come out the same whatever was installed first. */
const settledPaths = new Set([
  ...sorted.map(([path]) => `./${path}`),
  './etc/ld.so.cache',
  './var/lib/dpkg/lock',
  './var/lib/dpkg/lock-frontend',
  './var/lib/dpkg/triggers/Lock',
]);

export function settledApt(path: string): boolean {
  return settledPaths.has(path);
}

export async function normaliseApt(root: string): Promise<void> {
  for (const path of traces) await removeInside(root, path);
  for (const path of emptied) {
    const folder = await existsInside(root, path);
    if (folder === undefined) continue;
    for (const name of await readdir(folder)) await removeInside(root, `${path}/${name}`);
  }
  for (const [path, between] of sorted) {
    const file = await existsInside(root, path);
    if (file === undefined || !(await stat(file)).isFile()) continue;
    const text = await readFile(file, 'utf8');
    const parts = text.split(between).filter((part) => part.trim() !== '');
    const now = parts
      .map((part) => part.replace(/\n+$/, ''))
      .sort()
      .map((part) => part + between)
      .join('');
    if (now !== text) await writeFile(file, now);
  }
}
