import { chmod, cp, mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Plugin, build } from 'esbuild';
import { bundleText } from './bundle-text.ts';
import { leaveOut } from './left-out.ts';

/*
 * Makes dist/: three programs, each one file that runs with Node alone, CommonJS because that starts faster from one
 * file. The manager needs a native module, which cannot be bundled: it lies beside it in dist/node_modules.
 */

const root = resolve(import.meta.dirname, '..');
const dist = join(root, 'dist');

interface Program {
  readonly name: string;
  readonly entry: string;
  /** Agents run on Node 18 too: that is what Debian 12 has. */
  readonly target: string;
  readonly external: readonly string[];
  readonly plugins?: readonly Plugin[];
  /** What env is asked to run, when it is not just node. */
  readonly interpreter?: string;
}

const programs: readonly Program[] = [
  { name: 'hostler', entry: 'cli/main.ts', target: 'node20', external: [] },
  {
    name: 'hostler-manager',
    entry: 'manager/main.ts',
    target: 'node20',
    external: ['classic-level'],
    // Left alone, glibc keeps what LevelDB and gRPC gave back after a burst: 60 MB at ten thousand nodes.
    interpreter: '-S MALLOC_TRIM_THRESHOLD_=131072 node',
  },
  { name: 'hostler-agent', entry: 'agent/main.ts', target: 'node18', external: [], plugins: [leaveOut] },
];

/** Optional accelerators that we do without, and that would only be looked for at run time. */
const neverNeeded = ['bufferutil', 'utf-8-validate', 'pino-pretty'];

async function bundle(program: Program, version: string, folder: string): Promise<void> {
  await build({
    entryPoints: [join(root, program.entry)],
    outfile: join(folder, program.name),
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: program.target,
    minify: true,
    legalComments: 'none',
    logLevel: 'warning',
    external: [...program.external, ...neverNeeded],
    banner: { js: `#!/usr/bin/env ${program.interpreter ?? 'node'}` },
    define: { __HOSTLER_VERSION__: JSON.stringify(version), 'import.meta.url': '__fileUrl' },
    inject: [join(root, 'deploy/bundle-shim.js')],
    plugins: [bundleText, ...(program.plugins ?? [])],
    absWorkingDir: root,
  });
  await chmod(join(folder, program.name), 0o755);
}

/** The native module with what it needs to run here and on other Linux machines; no sources, no other platforms. */
async function nativeModules(folder: string): Promise<void> {
  const wanted = ['classic-level'];
  const done = new Set<string>();
  for (let name = wanted.pop(); name !== undefined; name = wanted.pop()) {
    if (done.has(name)) continue;
    done.add(name);
    const from = join(root, 'node_modules', name);
    await cp(from, join(folder, 'node_modules', name), {
      recursive: true,
      filter: (source) => !leftOut.test(source.slice(from.length)),
    });
    const manifest = JSON.parse(await readFile(join(from, 'package.json'), 'utf8')) as {
      dependencies?: Record<string, string>;
    };
    wanted.push(...Object.keys(manifest.dependencies ?? {}).filter((dependency) => dependency !== 'napi-macros'));
  }
}

const leftOut = /^\/(node_modules|deps|docs|test|.*\.(cc|gyp|md|ts|map)$|prebuilds\/(?!linux-))/;

/** One link for every command, so that `dist/bin/lsdef` is the CLI called as lsdef. */
async function links(folder: string): Promise<void> {
  const { linkNames } = await import('../cli/commands/index.ts');
  await mkdir(join(folder, 'bin'));
  for (const name of ['hostler', ...linkNames()]) await symlink('../hostler', join(folder, 'bin', name));
}

/** Manual pages, made from the definitions of commands and objects. */
async function manual(version: string, folder: string): Promise<void> {
  const { manPages } = await import('./man/pages.ts');
  for (const { name, section, text } of manPages(version)) {
    await mkdir(join(folder, 'man', `man${section}`), { recursive: true });
    await writeFile(join(folder, 'man', `man${section}`, `${name}.${section}`), text);
  }
}

async function main(): Promise<void> {
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
  // Built beside and switched, so that a program that runs meanwhile never meets half a file.
  const fresh = join(root, 'dist.new');
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh);
  try {
    await writeFile(
      join(fresh, 'package.json'),
      `${JSON.stringify({ name: 'hostler', version, type: 'commonjs', private: true })}\n`,
    );
    await Promise.all(programs.map((program) => bundle(program, version, fresh)));
    await nativeModules(fresh);
    await links(fresh);
    await manual(version, fresh);
    await cp(join(root, 'share'), join(fresh, 'share'), { recursive: true, verbatimSymlinks: true });
    // The share folder goes to other machines by itself, and builds images there (share/netboot/genimage).
    await cp(join(fresh, 'hostler-agent'), join(fresh, 'share/hostler-agent'));
    await cp(join(root, 'deploy/systemd'), join(fresh, 'systemd'), { recursive: true });
    await cp(join(root, 'README.md'), join(fresh, 'README.md'));
    const old = join(root, 'dist.old');
    await rm(old, { recursive: true, force: true });
    if (existsSync(dist)) await rename(dist, old);
    await rename(fresh, dist);
    await rm(old, { recursive: true, force: true });
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

await main();
