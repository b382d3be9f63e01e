import { copyFile, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { HostlerError } from '../../../shared/errors/error.ts';

/**
 * Served name to where distributions keep it (Debian; Enterprise Linux and Fedora; SUSE), first found wins. SUSE has snp.efi in
 * place of snponly.efi, and what is older than 2021 neither: there the one with drivers of its own has to do.
 */
const loaders: Readonly<Record<string, readonly string[]>> = {
  'undionly.kpxe': ['/usr/lib/ipxe/undionly.kpxe', '/usr/share/ipxe/undionly.kpxe'],
  'snponly.efi': [
    '/usr/lib/ipxe/snponly.efi',
    '/usr/share/ipxe/ipxe-snponly-x86_64.efi',
    '/usr/share/ipxe/snp-x86_64.efi',
    '/usr/share/ipxe/ipxe-x86_64.efi',
  ],
  'ipxe.efi': ['/usr/lib/ipxe/ipxe.efi', '/usr/share/ipxe/ipxe-x86_64.efi', '/boot/ipxe.efi'],
};

export const loaderNames: readonly string[] = Object.keys(loaders);

/** Puts iPXE's network boot programs into `<tftpDir>/hostler` and returns the folder. They come from Debian's package `ipxe`. */
export async function placeLoaders(tftpDir: string, root = '/'): Promise<string> {
  const folder = join(tftpDir, 'hostler');
  await mkdir(folder, { recursive: true, mode: 0o755 });
  for (const [name, places] of Object.entries(loaders)) {
    const source = await firstReadable(places.map((place) => join(root, place)));
    if (source === undefined) {
      throw new HostlerError(
        'failed_precondition',
        `The boot program ${name} is not on this machine (looked for ${places.join(', ')}). ` +
          'Install iPXE: apt-get install ipxe, or dnf install ipxe-bootimgs-x86.',
      );
    }
    const target = join(folder, name);
    const there = await readFile(target).catch(() => undefined);
    if (there?.equals(source.content) === true) continue;
    const temporary = `${target}.${process.pid}.tmp`;
    try {
      await copyFile(source.file, temporary);
      await rename(temporary, target);
    } finally {
      await rm(temporary, { force: true });
    }
  }
  return folder;
}

async function firstReadable(places: readonly string[]): Promise<{ file: string; content: Buffer } | undefined> {
  for (const file of places) {
    const content = await readFile(file).catch(() => undefined);
    if (content) return { file, content };
  }
  return undefined;
}
