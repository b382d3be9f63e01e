import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { requireArchitecture } from '../../../../../agent/tasks/image-build/rpm/architectures.ts';
import type { Build } from '../../../../../agent/tasks/image-build/spec.ts';
import { architectureOf } from '../../../../../shared/distro/architecture.ts';

const dir = mkdtempSync(join(tmpdir(), 'hostler-rpm-arch-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

let count = 0;
const medium = (...files: string[]): string => {
  const place = join(dir, String((count += 1)));
  for (const file of files) {
    mkdirSync(dirname(join(place, file)), { recursive: true });
    writeFileSync(join(place, file), '');
  }
  return place;
};
const check = (arch: string, ...places: string[]): Promise<void> =>
  requireArchitecture(
    { architecture: architectureOf(arch), pkgdir: places } as unknown as Build,
    places.map((place) => ({ id: 'x', place, bare: false })),
  );

describe('packages of a medium', () => {
  const intel = medium('repodata/repomd.xml', 'Packages/k/kernel-5-1.x86_64.rpm', 'Packages/n/doc-1-1.noarch.rpm');
  const arm = medium('Packages/kernel-5-1.aarch64.rpm');

  it('of another architecture are refused before anything is begun', async () => {
    await expect(check('aarch64', intel)).rejects.toThrow(
      `pkgdir ${intel} holds packages for x86_64 and none for aarch64. Copy a medium for aarch64 (copycds), or name the address of a repository that has them.`,
    );
  });

  it.each([
    ['of its own', () => check('x86_64', intel)],
    ['in one of two folders', () => check('aarch64', intel, arm)],
    ['at an address beside', () => check('aarch64', intel, 'http://mirror.example/rocky')],
    ['of no architecture', () => check('aarch64', medium('doc-1-1.noarch.rpm'))],
    ['of which nothing can be told', () => check('aarch64', medium('repodata/repomd.xml'))],
  ])('%s are not', async (_, checked) => {
    await expect(checked()).resolves.toBeUndefined();
  });
});
