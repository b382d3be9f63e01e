import { mkdirSync } from 'node:fs';
import { chmod, copyFile, mkdir, realpath, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { run } from '../../../shared/process/run.ts';
import { which } from '../../../shared/process/which.ts';
import { archWord } from '../../facts/system.ts';

/** Where a tree of another architecture finds them while packages are installed. In /run: nothing of it can stay. */
export const nativePlace = 'run/hostler-native';

/**
 * What unpacking runs, and what scripts of packages run most: what these do to files is the same on every
 * architecture. Shells, dpkg itself and everything that knows its architecture is not here: that is emulated.
 */
const tools = [
  ...['dpkg-deb', 'dpkg-split', 'tar', 'gzip', 'xz', 'rm', 'cp', 'mv', 'ln', 'mkdir', 'rmdir', 'touch', 'install'],
  ...['chmod', 'chown', 'chgrp', 'cat', 'cut', 'tr', 'sort', 'uniq', 'head', 'tail', 'tee', 'wc', 'cmp', 'diff'],
  ...[
    'sed',
    'grep',
    'find',
    'xargs',
    'readlink',
    'realpath',
    'basename',
    'dirname',
    'stat',
    'mktemp',
    'md5sum',
    'date',
  ],
];

/** The environment that lets programs in the tree find them, before the tree's own. */
export const nativePath = `/${nativePlace}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`;

/** The folder of one task; it is there, and empty until `fillNative`. Undefined: the tree is of this machine's kind. */
export function nativeFolder(arch: string, taskDir: string): string | undefined {
  if (arch === archWord()) return undefined;
  const folder = join(taskDir, 'native');
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  return folder;
}

/**
 * Copies this machine's tools into the folder, with the libraries they need and a loader that does not look for them in
 * the tree. They are copies, for the scripts of packages may do to /run what they like. A tool that this machine does
 * not have, or all of them where it has no static busybox to start them, is left to the emulator.
 */
export async function fillNative(folder: string): Promise<void> {
  const launcher = which('busybox');
  const found = tools.flatMap((tool) => {
    const program = which(tool);
    return program === undefined ? [] : [[tool, program] as const];
  });
  const libraries = await librariesOf([
    ...(launcher === undefined ? [] : [launcher]),
    ...found.map(([, path]) => path),
  ]);
  if (launcher === undefined || libraries.get(launcher)?.length !== 0) return;
  for (const name of ['bin', 'real', 'lib']) await mkdir(join(folder, name), { recursive: true, mode: 0o755 });
  await copyProgram(launcher, join(folder, 'busybox'));
  const copied = new Set<string>();
  for (const [tool, program] of found) {
    const needs = libraries.get(program) ?? [];
    const loader = needs.find((file) => /^ld-linux|^ld64\.so/.test(basename(file)));
    if (loader === undefined) continue;
    for (const file of needs.filter((one) => !copied.has(one))) {
      copied.add(file);
      await copyProgram(file, join(folder, 'lib', basename(file)));
    }
    await copyProgram(program, join(folder, 'real', tool));
    const at = `/${nativePlace}`;
    const words = `${at}/lib/${basename(loader)} --library-path ${at}/lib --argv0 ${tool} ${at}/real/${tool}`;
    const start = join(folder, 'bin', tool);
    await writeFile(start, `#!${at}/busybox sh\nexec ${words} "$@"\n`);
    await chmod(start, 0o755);
  }
}

async function copyProgram(from: string, to: string): Promise<void> {
  await copyFile(await realpath(from), to);
  await chmod(to, 0o755);
}

/** Paths of the shared libraries of programs, the loader among them; none: it is static, or a script. */
async function librariesOf(programs: readonly string[]): Promise<Map<string, string[]>> {
  // Given one program alone, ldd does not name it.
  const { stdout } = await run('ldd', ['/nonexistent', ...programs], { allowExit: 'any', timeoutMs: 30_000 });
  const found = new Map<string, string[]>();
  let libraries: string[] = [];
  for (const line of stdout.split('\n')) {
    const head = /^(\/\S+):$/.exec(line)?.[1];
    if (head !== undefined) found.set(head, (libraries = []));
    const library = /(?:=> |^\s+)(\/\S+) \(0x/.exec(line)?.[1];
    if (library !== undefined) libraries.push(library);
  }
  return found;
}
