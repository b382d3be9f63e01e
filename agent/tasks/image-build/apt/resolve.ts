import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HostlerError } from '../../../../shared/errors/error.ts';
import { processFailure } from '../../../../shared/process/failure.ts';
import { run } from '../../../../shared/process/run.ts';
import { buildEnvironment } from '../../image-tree/environment.ts';
import type { Resolved } from '../family.ts';
import { explainApt } from './explain.ts';
import { formatSources } from './sources.ts';
import type { Source } from './sources.ts';

export interface AptPlace {
  /** Private folder for apt's lists and state; kept from build to build, one process at a time. */
  readonly folder: string;
  /** dpkg's word. */
  readonly architecture: string;
  readonly sources: readonly Source[];
  readonly acquire: readonly string[];
  readonly netrc: string;
  readonly signal: AbortSignal;
}

/** Asks the sources for news. Returns the digest of their signed summaries: the state of the repositories. */
export async function updateLists(place: AptPlace): Promise<string> {
  const { folder } = place;
  const at = (name: string): string => join(folder, name);
  for (const name of ['lists/partial', 'archives/partial', 'sources.list.d'])
    await mkdir(at(name), { recursive: true, mode: 0o700 });
  await writeFile(at('status'), '');
  await writeFile(at('sources.list.d/build.sources'), formatSources(place.sources), { mode: 0o600 });
  await writeFile(at('acquire.conf'), place.acquire.map((line) => `${line}\n`).join(''), { mode: 0o600 });
  await writeFile(at('apt.conf'), aptConf(place), { mode: 0o600 });
  await rm(at('auth.conf'), { force: true });
  if (place.netrc !== '') await writeFile(at('auth.conf'), `${place.netrc}\n`, { mode: 0o600 });
  // Half of its time goes into an index of all packages, which only who asks for packages needs, and then makes.
  const update = ['update', '--error-on=any', '--option=pkgCacheFile::Generate=false'];
  await apt(place, update, 'The lists of packages could not be fetched');
  return stateOf(at('lists'));
}

/** What is in a tree when these are installed on top of what every tree has. Remembered as long as nothing changes. */
export async function resolvePackages(place: AptPlace, state: string, names: readonly string[]): Promise<Resolved> {
  const asked = createHash('sha256')
    .update(JSON.stringify([2, state, place.architecture, names]))
    .digest('hex');
  const file = join(place.folder, `resolved-${asked.slice(0, 16)}.json`);
  const known = await remembered(file, asked);
  if (known !== undefined) return known;
  const out = await apt(
    place,
    ['-qq', '--print-uris', 'install', '?essential', '?priority(required)', 'apt', ...names],
    'The packages cannot be installed together',
  );
  const resolved = parseUris(out);
  await forgetOthers(place.folder);
  await writeFile(file, JSON.stringify({ asked, ...resolved }), { mode: 0o600 });
  return resolved;
}

/** Lines `'address' name_version_arch.deb size HASH:digest` of `apt-get --print-uris`. */
export function parseUris(output: string): Resolved {
  const found = new Map<string, string>();
  for (const line of output.split('\n')) {
    const match = /^'[^']*' ([^_\s]+)_([^_\s]+)_([a-z0-9-]+)\.deb (\d+) ?(\S*)/.exec(line);
    if (match === null) continue;
    const [, name = '', version = '', arch = '', size = '', digest = ''] = match;
    found.set(`${name} ${decoded(version)} ${arch}`, digest === '' ? `size:${size}` : digest);
  }
  const packages = [...found.keys()].sort();
  return { packages, contents: packages.map((line) => `${line} ${found.get(line) ?? ''}`) };
}

function decoded(version: string): string {
  try {
    return decodeURIComponent(version);
  } catch {
    return version;
  }
}

async function apt(place: AptPlace, args: readonly string[], what: string): Promise<string> {
  const env = buildEnvironment({ APT_CONFIG: join(place.folder, 'apt.conf'), DEBIAN_FRONTEND: 'noninteractive' });
  const { signal } = place;
  try {
    return (await run('apt-get', args, { env, inheritEnv: false, signal, timeoutMs: 600_000, keepBytes: 8 << 20 }))
      .stdout;
  } catch (error) {
    const failure = processFailure(error);
    if (failure === undefined) throw error;
    throw explainApt(`${failure.stdout}\n${failure.stderr}`, what, error);
  }
}

/** Settings of an apt that knows nothing of this machine's own configuration but how to reach its sources. */
export function aptConf(place: Pick<AptPlace, 'folder' | 'architecture' | 'acquire'>): string {
  const { folder, architecture } = place;
  const settings: readonly (readonly [string, string])[] = [
    ['Dir::State', folder],
    ['Dir::State::lists', join(folder, 'lists')],
    ['Dir::State::status', join(folder, 'status')],
    ['Dir::Cache', folder],
    ['Dir::Cache::archives', join(folder, 'archives')],
    ['Dir::Cache::pkgcache', 'pkgcache.bin'],
    ['Dir::Cache::srcpkgcache', 'srcpkgcache.bin'],
    // Read after this file: the machine's own would have the last word.
    ['Dir::Etc::main', '/dev/null'],
    ['Dir::Etc::parts', '/dev/null'],
    ['Dir::Etc::sourcelist', '/dev/null'],
    ['Dir::Etc::sourceparts', join(folder, 'sources.list.d')],
    ['Dir::Etc::preferences', '/dev/null'],
    ['Dir::Etc::preferencesparts', '/dev/null'],
    ['Dir::Etc::netrc', join(folder, 'auth.conf')],
    ['Dir::Etc::netrcparts', '/dev/null'],
    ['APT::Architecture', architecture],
    ['APT::Install-Recommends', 'false'],
    ['APT::Sandbox::User', 'root'],
    ['Acquire::Languages', 'none'],
    ['Acquire::GzipIndexes', 'false'],
    ['Acquire::ForceHash', 'SHA256'],
  ];
  return [
    ...settings.map(([name, value]) => `${name} "${value}";`),
    `APT::Architectures { "${architecture}"; };`,
    ...place.acquire,
    '',
  ].join('\n');
}

async function stateOf(lists: string): Promise<string> {
  const names = (await readdir(lists))
    .filter((name) => /_(?:InRelease|Release)$/.test(name) || /_Packages(?:\.\w+)?$/.test(name))
    .sort();
  const hash = createHash('sha256');
  const signed = new Set(
    names.filter((name) => name.endsWith('Release')).map((name) => name.replace(/_(?:In)?Release$/, '')),
  );
  for (const name of names) {
    // A signed summary names the digests of its lists; what has none must be read whole.
    const covered = [...signed].some((suite) => name.startsWith(`${suite}_`));
    if (!name.endsWith('Release') && covered) continue;
    hash
      .update(name)
      .update('\0')
      .update(await readFile(join(lists, name)));
  }
  return hash.digest('hex');
}

async function remembered(file: string, asked: string): Promise<Resolved | undefined> {
  try {
    const found: unknown = JSON.parse(await readFile(file, 'utf8'));
    if (typeof found !== 'object' || found === null || !('asked' in found) || found.asked !== asked) return undefined;
    if (!('packages' in found) || !('contents' in found)) return undefined;
    const { packages, contents } = found;
    return areTexts(packages) && areTexts(contents) ? { packages, contents } : undefined;
  } catch {
    return undefined; // never asked before
  }
}

function areTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((word) => typeof word === 'string');
}

const mostRemembered = 50;

async function forgetOthers(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.startsWith('resolved-'));
  if (names.length < mostRemembered) return;
  for (const name of names) await rm(join(folder, name), { force: true });
}

export function requireSources(sources: readonly Source[], codename: string, looked: readonly string[]): void {
  if (sources.length > 0) return;
  throw new HostlerError(
    'failed_precondition',
    `No source of packages for ${codename}: none in ${looked.length > 0 ? looked.join(', ') : 'the apt configuration of this machine'}. ` +
      'Give the address of a repository in the osimage attribute pkgdir.',
  );
}
