import { readFile } from 'node:fs/promises';
import { existsInside } from './inside.ts';
import { installedRpms } from './rpm-packages.ts';

export interface InstalledPackage {
  readonly name: string;
  readonly version: string;
  readonly arch: string;
}

/** What the package database of a tree says is installed, sorted by name. Empty where there is no database. */
export async function installedPackages(root: string): Promise<InstalledPackage[]> {
  const file = await existsInside(root, 'var/lib/dpkg/status');
  if (file !== undefined) return parseDpkgStatus(await readFile(file, 'utf8'));
  return ((await installedRpms(root)) ?? []).map((line) => {
    const [name = '', version = '', arch = ''] = line.split(' ');
    return { name, version, arch };
  });
}

export function parseDpkgStatus(text: string): InstalledPackage[] {
  const found = text.split(/\n\n+/).flatMap((stanza) => {
    const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(stanza)?.[1]?.trim() ?? '';
    if (!field('Status').endsWith(' installed')) return [];
    return [{ name: field('Package'), version: field('Version'), arch: field('Architecture') }];
  });
  return found.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.arch < b.arch ? -1 : 1));
}
