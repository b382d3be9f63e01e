// After npm i from a registry that does not carry every platform's binaries: adds what npm left out of
// package-lock.json (optional packages for other platforms), without which npm ci refuses the file. Plain Node.
import { readFileSync, writeFileSync } from 'node:fs';

const file = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(readFileSync(file, 'utf8'));
const { packages } = lock;
const binary =
  /[-/](darwin|linux|win32|freebsd|android|openharmony|openbsd|netbsd|sunos|aix)-([a-z0-9]+)(?:-(gnu|musl|gnueabihf|musleabihf|msvc|eabi))?$/;
const libraries = { gnu: ['glibc'], gnueabihf: ['glibc'], musl: ['musl'], musleabihf: ['musl'] };

for (const [path, { dev, optionalDependencies }] of Object.entries(packages)) {
  for (const [name, version] of Object.entries(optionalDependencies ?? {})) {
    const [, os, cpu, abi] = binary.exec(name) ?? [];
    const known = `node_modules/${name}` in packages || `${path}/node_modules/${name}` in packages;
    if (known || os === undefined || !/^\d/.test(version)) continue;
    packages[`node_modules/${name}`] = {
      version,
      cpu: [/^arm/.test(cpu) && cpu !== 'arm64' ? 'arm' : cpu],
      ...(dev && { dev }),
      ...(abi in libraries && { libc: libraries[abi] }),
      optional: true,
      os: [os],
    };
  }
}
lock.packages = Object.fromEntries(Object.entries(packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(file, `${JSON.stringify(lock, undefined, 2)}\n`);
