import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HostlerError } from '../../../../shared/errors/error.ts';
import { processFailure } from '../../../../shared/process/failure.ts';
import { run } from '../../../../shared/process/run.ts';
import { buildEnvironment } from '../../image-tree/environment.ts';
import type { Pass } from '../pkglist.ts';
import { explainApt } from './explain.ts';
import { formatSources } from './sources.ts';
import type { Source } from './sources.ts';

export interface PackageWorld {
  /** Private folder for apt's lists and state; kept from build to build, one process at a time. */
  readonly folder: string;
  /** dpkg's word. */
  readonly architecture: string;
  readonly sources: readonly Source[];
  readonly acquire: readonly string[];
  readonly netrc: string;
  readonly signal: AbortSignal;
}

export interface Resolved {
  /** `name version arch`, sorted: everything that will be in the tree. */
  readonly packages: readonly string[];
  readonly lists: string;
  /** File with the machine's Acquire settings; secret, like the next. */
  readonly acquireFile: string;
  readonly netrcFile: string | undefined;
  /** sha256 over the signed summaries of all sources: the state of the repositories. */
  readonly state: string;
}

/** Asks the sources for news, and what the passes come to: takes a second or two, and finds unknown packages at once. */
export async function resolvePackages(world: PackageWorld, passes: readonly Pass[]): Promise<Resolved> {
  const { folder, signal } = world;
  const at = (name: string): string => join(folder, name);
  for (const name of ['lists/partial', 'archives/partial', 'sources.list.d'])
    await mkdir(at(name), { recursive: true, mode: 0o700 });
  await writeFile(at('status'), '');
  await writeFile(at('sources.list.d/build.sources'), formatSources(world.sources), { mode: 0o600 });
  await writeFile(at('acquire.conf'), world.acquire.map((line) => `${line}\n`).join(''), { mode: 0o600 });
  await writeFile(at('apt.conf'), aptConf(world), { mode: 0o600 });
  await rm(at('auth.conf'), { force: true });
  if (world.netrc !== '') await writeFile(at('auth.conf'), `${world.netrc}\n`, { mode: 0o600 });

  const env = buildEnvironment({ APT_CONFIG: at('apt.conf'), DEBIAN_FRONTEND: 'noninteractive' });
  const apt = async (args: readonly string[], what: string): Promise<string> => {
    try {
      return (await run('apt-get', args, { env, inheritEnv: false, signal, timeoutMs: 600_000, keepBytes: 8 << 20 }))
        .stdout;
    } catch (error) {
      const failure = processFailure(error);
      if (failure === undefined) throw error;
      throw explainApt(`${failure.stdout}\n${failure.stderr}`, what, error);
    }
  };
  await apt(['update', '--error-on=any'], 'The lists of packages could not be fetched');
  const state = await stateOf(at('lists'));
  const wanted = passes.flatMap((pass) => [...pass.packages, ...pass.remove.map((name) => `${name}-`)]);
  const asked = createHash('sha256')
    .update(JSON.stringify([state, world.architecture, wanted]))
    .digest('hex');
  let packages = await remembered(at('resolved.json'), asked);
  if (packages === undefined) {
    const out = await apt(
      ['--simulate', 'install', '?essential', '?priority(required)', 'apt', ...wanted],
      'The packages cannot be installed together',
    );
    packages = parseInstalls(out);
    await writeFile(at('resolved.json'), JSON.stringify({ asked, packages }), { mode: 0o600 });
  }
  return {
    packages,
    lists: at('lists'),
    acquireFile: at('acquire.conf'),
    netrcFile: world.netrc === '' ? undefined : at('auth.conf'),
    state,
  };
}

/** Lines `Inst name [old] (version origin [arch])` of a simulated install. */
export function parseInstalls(output: string): string[] {
  const found = output.split('\n').flatMap((line) => {
    const match = /^Inst (\S+) (?:\[\S+\] )?\((\S+) .*\[([a-z0-9-]+)\]\)/.exec(line);
    return match === null ? [] : [`${match[1] ?? ''} ${match[2] ?? ''} ${match[3] ?? ''}`];
  });
  return [...new Set(found)].sort();
}

function aptConf(world: PackageWorld): string {
  const { folder, architecture } = world;
  const settings: readonly (readonly [string, string])[] = [
    ['Dir::State', folder],
    ['Dir::State::lists', join(folder, 'lists')],
    ['Dir::State::status', join(folder, 'status')],
    ['Dir::Cache', folder],
    ['Dir::Cache::archives', join(folder, 'archives')],
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
  ];
  // The clear directives come first: lists of the machine's own configuration would be added to, not replaced.
  return [
    '#clear APT::Architectures;',
    ...settings.map(([name, value]) => `${name} "${value}";`),
    `APT::Architectures { "${architecture}"; };`,
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

async function remembered(file: string, asked: string): Promise<readonly string[] | undefined> {
  try {
    const found: unknown = JSON.parse(await readFile(file, 'utf8'));
    if (typeof found !== 'object' || found === null || !('asked' in found) || found.asked !== asked) return undefined;
    if (!('packages' in found) || !Array.isArray(found.packages)) return undefined;
    return found.packages.every((word) => typeof word === 'string') ? found.packages : undefined;
  } catch {
    return undefined; // never asked before
  }
}

export function requireSources(sources: readonly Source[], codename: string, looked: readonly string[]): void {
  if (sources.length > 0) return;
  throw new HostlerError(
    'failed_precondition',
    `No source of packages for ${codename}: none in ${looked.length > 0 ? looked.join(', ') : 'the apt configuration of this machine'}. ` +
      'Give the address of a repository in the osimage attribute pkgdir.',
  );
}
