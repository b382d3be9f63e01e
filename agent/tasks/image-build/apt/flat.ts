import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { HostlerError } from '../../../../shared/errors/error.ts';
import { run } from '../../../../shared/process/run.ts';
import type { TaskContext } from '../../types.ts';
import type { Source } from './sources.ts';

const linkName = 'folder';

/**
 * A folder of this machine as a source: as it is when it is a repository already, else with a list of its packages made
 * elsewhere, since the folder may belong to somebody else. Sources that are addresses stay as they are.
 */
export async function withLists(sources: readonly Source[], context: TaskContext): Promise<Source[]> {
  return Promise.all(
    sources.map(async (source) => {
      const [uri = ''] = source.uris;
      const folder = uri.replace(/^copy:/, '').replace(/\/+$/, '');
      if (!uri.startsWith('copy:') || source.suites[0] !== './' || !lacksLists(folder)) return source;
      return { ...source, uris: [`copy:${await listed(folder, context)}`] };
    }),
  );
}

/** A flat source of apt for a folder. */
export function flatSource(folder: string): Source {
  return { uris: [`copy:${folder}`], suites: ['./'], components: [], options: { Trusted: 'yes' } };
}

function lacksLists(folder: string): boolean {
  return !['Packages', 'Packages.gz', 'Packages.xz', 'Release', 'InRelease'].some((name) =>
    existsSync(join(folder, name)),
  );
}

async function listed(folder: string, context: TaskContext): Promise<string> {
  const names = await readdir(folder).catch(() => {
    throw new HostlerError('not_found', `The folder ${folder}, which packages are to come from, does not exist.`);
  });
  const key = createHash('sha256').update(folder).digest('hex').slice(0, 16);
  const out = join(context.home, 'cache', 'apt', 'made', key);
  await mkdir(out, { recursive: true, mode: 0o755 });
  await rm(join(out, linkName), { force: true });
  await symlink(folder, join(out, linkName));
  const stanzas: string[] = [];
  for (const name of names.filter((entry) => entry.endsWith('.deb')).sort()) {
    stanzas.push(await stanzaOf(folder, name, context.signal));
  }
  await writeFile(join(out, 'Packages'), stanzas.join('\n'));
  return out;
}

/** What the package says of itself, and where it is. */
async function stanzaOf(folder: string, name: string, signal: AbortSignal): Promise<string> {
  const file = join(folder, name);
  const { stdout } = await run('dpkg-deb', ['--field', file], { signal });
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  const { size } = await stat(file);
  return [
    stdout.trimEnd(),
    `Filename: ./${linkName}/${name}`,
    `Size: ${size}`,
    `SHA256: ${hash.digest('hex')}`,
    '',
  ].join('\n');
}
