import { readFile } from 'node:fs/promises';
import { posix } from 'node:path';
import { existsInside, linkInside } from './inside.ts';

const unitFolders = ['etc/systemd/system', 'usr/lib/systemd/system', 'lib/systemd/system'];

/**
 * What `systemctl enable` does, on a tree of any architecture and without systemd on this machine: the links that
 * [Install] asks for. False when the image has no such unit.
 */
export async function enableUnit(root: string, unit: string): Promise<boolean> {
  const folder = await folderOf(root, unit);
  if (folder === undefined) return false;
  const install = installSection(await readFile((await existsInside(root, `${folder}/${unit}`)) ?? '', 'utf8'));
  const target = `/${folder}/${unit}`;
  for (const alias of install.Alias ?? []) {
    if (alias !== unit) await linkInside(root, `etc/systemd/system/${posix.basename(alias)}`, target);
  }
  for (const [word, ending] of [
    ['WantedBy', 'wants'],
    ['RequiredBy', 'requires'],
  ] as const) {
    for (const other of install[word] ?? []) {
      await linkInside(root, `etc/systemd/system/${posix.basename(other)}.${ending}/${unit}`, target);
    }
  }
  for (const also of install.Also ?? []) {
    if (also !== unit && !(await isEnabled(root, also))) await enableUnit(root, posix.basename(also));
  }
  return true;
}

export async function hasUnit(root: string, unit: string): Promise<boolean> {
  return (await folderOf(root, unit)) !== undefined;
}

async function isEnabled(root: string, unit: string): Promise<boolean> {
  for (const place of [
    'multi-user.target.wants',
    'sockets.target.wants',
    'network-online.target.wants',
    'sysinit.target.wants',
  ]) {
    if ((await existsInside(root, `etc/systemd/system/${place}/${unit}`)) !== undefined) return true;
  }
  return false;
}

async function folderOf(root: string, unit: string): Promise<string | undefined> {
  for (const folder of unitFolders) {
    if ((await existsInside(root, `${folder}/${unit}`)) !== undefined) return folder;
  }
  return undefined;
}

/** Words of each field of [Install]. */
export function installSection(text: string): Readonly<Record<string, readonly string[]>> {
  const found: Record<string, string[]> = {};
  let section = '';
  for (const raw of text.split('\n')) {
    const line = raw.trim();
    if (line.startsWith('[')) section = line;
    const match = section === '[Install]' ? /^(\w+)\s*=\s*(.*)$/.exec(line) : null;
    if (match === null) continue;
    const [, field = '', value = ''] = match;
    // Templates (%i) have no instance here.
    found[field] = [
      ...(found[field] ?? []),
      ...value.split(/\s+/).filter((word) => word !== '' && !word.includes('%')),
    ];
  }
  return found;
}
