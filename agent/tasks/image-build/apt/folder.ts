import { lstat, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { HostlerError } from '../../../../shared/errors/error.ts';
import type { Build } from '../spec.ts';

/** Throws for a folder of pkgdir that holds no repository, or one of other architectures; no network. */
export async function requireFolder(entry: string, build: Build): Promise<void> {
  const [path = ''] = entry.split(/\s+/);
  const dists = join(path, 'dists');
  if ((await lstat(dists).catch(() => undefined)) === undefined) {
    throw new HostlerError(
      'not_found',
      `Need ${entry}/ available from a system that has ran copycds on ${build.osvers} ${build.arch} or correct web repo`,
    );
  }
  const { name, debian } = build.architecture;
  const architectures = await architecturesIn(dists);
  if (architectures.length === 0 || architectures.includes(debian)) return;
  throw new HostlerError(
    'failed_precondition',
    `pkgdir ${path} holds packages for ${architectures.join(', ')} and none for ${debian}. ` +
      `Copy a medium for ${name} (copycds), or name the address of a repository that has them.`,
  );
}

/** What the Release files say; nothing where they say nothing. */
async function architecturesIn(dists: string): Promise<string[]> {
  const found = new Set<string>();
  for (const suite of await readdir(dists).catch(() => [])) {
    const text = await readFile(join(dists, suite, 'Release'), 'utf8').catch(() => '');
    const line = /^Architectures:(.*)$/m.exec(text)?.[1] ?? '';
    for (const word of line.split(/\s+/)) if (/^[a-z0-9-]{2,20}$/.test(word) && word !== 'all') found.add(word);
  }
  return [...found].sort();
}
