import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { run } from '../../../shared/process/run.ts';
import { agentProgram } from '../image-tree/program.ts';
import { agentUnitText } from './agent-files.ts';
import type { Resolved } from './apt/resolve.ts';
import { hookText, treeOptions } from './bootstrap.ts';
import type { Pass } from './pkglist.ts';
import { postinstallCalls } from './postinstall.ts';
import type { Build } from './spec.ts';

/** Raised when this code makes another tree of the same inputs. */
const packagesFormat = 1;
const treeFormat = 1;

/** What the tree of packages depends on. `sources`: as they will stand in the image. */
export async function packagesKey(
  build: Build,
  passes: readonly Pass[],
  resolved: Resolved,
  sources: string,
  signal: AbortSignal,
): Promise<string> {
  return keyOf({
    format: packagesFormat,
    codename: build.release.codename,
    arch: build.arch,
    options: treeOptions,
    passes,
    environment: build.environment,
    packages: resolved.packages,
    sources,
    hook: hookText,
    tools: await Promise.all(
      [
        ['mmdebstrap', '--version'],
        ['apt-get', '--version'],
        ['dpkg', '--version'],
      ].map((call) => firstLine(call, signal)),
    ),
  });
}

/** What the finished tree depends on: its packages, and everything that is done to it afterwards. */
export async function treeKey(build: Build, packages: string): Promise<string> {
  const calls = postinstallCalls(build.postinstall);
  return keyOf({
    format: treeFormat,
    packages,
    agent: await digest(agentProgram()),
    unit: agentUnitText,
    nodeagent: build.nodeagent,
    kernelver: build.kernelver,
    environment: build.environment,
    // Scripts see all of these.
    facts: [
      build.image,
      build.osvers,
      build.arch,
      build.profile,
      build.pkglist,
      build.pkgdir,
      build.otherpkglist,
      build.otherpkgdir,
    ],
    postinstall: await Promise.all(calls.map(async ({ script, args }) => [script, await digest(script), ...args])),
  });
}

function keyOf(inputs: unknown): string {
  return createHash('sha256').update(JSON.stringify(inputs)).digest('hex');
}

async function digest(file: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
}

async function firstLine(call: readonly string[], signal: AbortSignal): Promise<string> {
  const [program = '', ...args] = call;
  return (await run(program, args, { signal })).stdout.split('\n')[0] ?? '';
}
