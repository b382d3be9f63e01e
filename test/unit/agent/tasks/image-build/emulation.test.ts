import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { archWord } from '../../../../../agent/facts/system.ts';
import { requireRunnable } from '../../../../../agent/tasks/image-build/emulation.ts';
import { architectureOf, architectures } from '../../../../../shared/distro/architecture.ts';
import { allReleases, unbuildable } from '../../../../../shared/distro/release.ts';

const folder = mkdtempSync(join(tmpdir(), 'hostler-binfmt-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const registered = (name: string, text: string): string => {
  const root = mkdtempSync(join(folder, 'root-'));
  const place = join(root, 'proc/sys/fs/binfmt_misc');
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, name), text);
  return root;
};
const foreign = [...architectures.values()].filter(({ name }) => name !== archWord());

describe('programs of another architecture', () => {
  it.each(foreign)('run with a registered emulator that works in another root: $name', (architecture) => {
    const entry = `qemu-${architecture.name}`;
    expect(architecture.emulator).toBe(entry);
    expect(() =>
      requireRunnable(architecture, registered(entry, 'enabled\ninterpreter /x\nflags: PF\n')),
    ).not.toThrow();
    const why = new RegExp(`^This machine \\(${archWord()}\\) cannot run programs of ${architecture.name}, .*${entry}`);
    expect(() => requireRunnable(architecture, registered(entry, 'disabled\nflags: PF\n'))).toThrow(why);
    expect(() => requireRunnable(architecture, registered(entry, 'enabled\nflags: P\n'))).toThrow(why);
    expect(() => requireRunnable(architecture, registered('x', ''))).toThrow(
      /(?:Install qemu-user-static and binfmt-support here|update-binfmts --enable qemu-\w+"), or build on a machine of that/,
    );
  });

  it('are not needed on a machine of its own', () => {
    const own = architectureOf(archWord());
    expect(own).toBeDefined();
    if (own !== undefined) expect(() => requireRunnable(own, folder)).not.toThrow();
  });
});

describe('architectures', () => {
  it.each([
    ['x86_64', 'amd64'],
    ['aarch64', 'arm64'],
    ['ppc64le', 'ppc64el'],
    ['ppc64', 'ppc64'],
    ['riscv64', 'riscv64'],
    ['s390x', 's390x'],
  ])("%s is dpkg's %s", (name, debian) => {
    expect(architectures.get(name)?.debian).toBe(debian);
    expect(architectureOf(debian)?.name).toBe(name);
  });

  it('have a kernel package and the name of its file wherever a release is built for them', () => {
    for (const { osvers, kernels, kernelFile } of allReleases()) {
      for (const arch of Object.keys(kernels)) {
        expect(architectures.has(arch), `${osvers} ${arch}`).toBe(true);
        expect(kernelFile[arch] ?? '', `${osvers} ${arch}`).toMatch(/^(?:vmlinu[xz]|[Ii]mage)$/);
      }
    }
  });

  it.each([
    ['debian12', 'ppc64'],
    ['debian12', 'riscv64'],
    ['debian12', 'vax'],
    ['rocky8', 'ppc64le'],
  ])('that a release does not have are refused: %s %s', (osvers, arch) =>
    expect(unbuildable(osvers, arch)).toBe(`${osvers} does not exist for the architecture ${arch}.`),
  );

  it.each([
    ['debian13', 'riscv64'],
    ['debian12', 's390x'],
    ['debian12', 'ppc64el'],
    ['rocky9', 'ppc64le'],
    ['sles15.6', 'aarch64'],
  ])('that a release has are built: %s %s', (osvers, arch) => expect(unbuildable(osvers, arch)).toBeUndefined());
});
