import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readExlists } from '../../../agent/tasks/image-pack/exlist.ts';
import { readPkglists } from '../../../agent/tasks/image-build/pkglist.ts';
import { isServiceName } from '../../../agent/tasks/image-build/service-node.ts';
import { profileFiles } from '../../../agent/tasks/media/lists.ts';
import { allReleases } from '../../../shared/distro/release.ts';

const share = resolve('share');
const reader = { read: (path: string) => readFile(path, 'utf8'), environment: {} };

describe.each(allReleases().map((row) => row.osvers))('profiles of %s', (osvers) => {
  it('are compute and service, each with all its files', async () => {
    const rows = await profileFiles('netboot', osvers, 'x86_64', '/nonexistent', share);
    expect(rows.map((row) => row.profile)).toEqual(['compute', 'service']);
    for (const row of rows) {
      expect(Object.keys(row).sort()).toEqual(['exlist', 'otherpkglist', 'pkglist', 'postinstall', 'profile']);
      const packages = (await readPkglists([row['pkglist'] ?? ''], reader)).flatMap((pass) => pass.packages);
      expect(packages).toContain('rsync');
      expect(packages.some((name) => name.startsWith('dnsmasq'))).toBe(row.profile === 'service');
      const others = (await readPkglists([row['otherpkglist'] ?? ''], reader)).flatMap((pass) => pass.packages);
      expect(others.some(isServiceName)).toBe(row.profile === 'service');
      expect((await readExlists([row['exlist'] ?? ''], (path) => readFile(path, 'utf8'))).leaveOut).toContain(
        './usr/share/doc/*',
      );
      const script = await readFile(row['postinstall'] ?? '', 'utf8');
      expect(script).toContain('/etc/fstab');
      expect(script).toBe(await readFile(join(share, 'netboot/debian', `${row.profile}.postinstall`), 'utf8'));
    }
  });
});
