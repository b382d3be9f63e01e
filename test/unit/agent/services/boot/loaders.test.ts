import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { placeLoaders } from '../../../../../agent/services/boot/loaders.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'hostler-ipxe-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** What the packages hold that the lists of the profile service name. */
const packages = {
  Debian: ['usr/lib/ipxe/undionly.kpxe', 'usr/lib/ipxe/snponly.efi', 'usr/lib/ipxe/ipxe.efi'],
  Fedora: ['undionly.kpxe', 'ipxe-snponly-x86_64.efi', 'ipxe-x86_64.efi'].map((name) => `usr/share/ipxe/${name}`),
  SUSE: ['undionly.kpxe', 'snp-x86_64.efi', 'ipxe-x86_64.efi'].map((name) => `usr/share/ipxe/${name}`),
  'older Enterprise Linux': ['undionly.kpxe', '', 'ipxe-x86_64.efi'].map((name) => `usr/share/ipxe/${name}`),
};

describe('iPXE as distributions have it', () => {
  it.each(Object.entries(packages))('%s', async (_, [bios = '', firmware = '', drivers = '']) => {
    for (const file of [bios, firmware, drivers].filter((path) => !path.endsWith('/'))) {
      await mkdir(dirname(join(root, file)), { recursive: true });
      await writeFile(join(root, file), file);
    }
    const folder = await placeLoaders(join(root, 'tftp'), root);
    const served = (name: string): Promise<string> => readFile(join(folder, name), 'utf8');
    expect(await served('undionly.kpxe')).toBe(bios);
    expect(await served('snponly.efi')).toBe(firmware.endsWith('/') ? drivers : firmware);
    expect(await served('ipxe.efi')).toBe(drivers);
  });

  it('is missed with the name of its package', async () => {
    await expect(placeLoaders(join(root, 'tftp'), root)).rejects.toThrow(/undionly\.kpxe is not on this machine.*ipxe/);
  });
});
