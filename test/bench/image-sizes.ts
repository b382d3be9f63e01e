import { existsSync, lstatSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Site } from './image.ts';

/** How large the image is, and how large without the agent and the Node.js that runs it. */
export async function sizes(site: Pick<Site, 'tree' | 'folder' | 'bare'>): Promise<Record<string, number>> {
  const { tree, folder } = site;
  const left = join(folder, 'runtime.exclude');
  const runtime = runtimeFiles(tree);
  writeFileSync(left, runtime.map((path) => `${path}\n`).join(''));
  const squashed = async (name: string, ...more: string[]): Promise<number> => {
    const file = join(folder, name);
    const settings = ['-comp', 'zstd', '-Xcompression-level', '3', '-noappend', '-no-progress'];
    await site.bare(['mksquashfs', tree, file, ...settings, ...more]);
    return statSync(file).size;
  };
  const whole = await squashed('whole.sfs');
  const without = await squashed('without.sfs', '-ef', left);
  const bytes = runtime.reduce((sum, path) => sum + lstatSync(join(tree, path)).size, 0);
  return {
    imageMB: megabytes(whole),
    imageWithoutRuntimeMB: megabytes(without),
    runtimeInTreeMB: megabytes(bytes),
  };
}

/** The agent, and the files of nodejs with all packages that nothing else in the image needs. */
function runtimeFiles(tree: string): string[] {
  const packages = installed(readFileSync(join(tree, 'var/lib/dpkg/status'), 'utf8'));
  const going = new Set(['nodejs']);
  for (let before = 0; before < going.size;) {
    before = going.size;
    for (const name of [...going].flatMap((one) => packages.get(one) ?? [])) {
      const needed = [...packages].some(([other, needs]) => !going.has(other) && needs.includes(name));
      if (packages.has(name) && !needed) going.add(name);
    }
  }
  const files = ['opt/hostler/hostler-agent', 'usr/lib/systemd/system/hostler-agent.service'];
  for (const name of going) {
    for (const list of [`${name}.list`, `${name}:amd64.list`]) {
      const file = join(tree, 'var/lib/dpkg/info', list);
      if (existsSync(file))
        files.push(
          ...readFileSync(file, 'utf8')
            .split('\n')
            .map((path) => path.slice(1)),
        );
    }
  }
  return files.filter((path) => path !== '' && isFile(join(tree, path)));
}

/** By name: the names of what it depends on, the first of alternatives. */
function installed(status: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const stanza of status.split(/\n\n+/)) {
    const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(stanza)?.[1] ?? '';
    const needs = `${field('Pre-Depends')},${field('Depends')}`
      .split(',')
      .map((one) => /^\s*([^\s:(|]+)/.exec(one)?.[1]);
    found.set(
      field('Package'),
      needs.filter((one) => one !== undefined),
    );
  }
  return found;
}

function isFile(file: string): boolean {
  const info = lstatSync(file, { throwIfNoEntry: false });
  return info !== undefined && !info.isDirectory();
}

function megabytes(bytes: number): number {
  return Number((bytes / 1e6).toFixed(1));
}
