import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { processFailure } from '../../../../shared/process/failure.ts';
import { run } from '../../../../shared/process/run.ts';
import type { Build } from '../spec.ts';
import { exact, parseRpmLine, rpmLine, zypperInstall, zypperReckon, zypperRefresh, zypperRemove } from './arguments.ts';
import type { Rpm } from './arguments.ts';
import { explainOutput, explainRpm, unknownPackages } from './explain.ts';
import { rpmFamily } from './family.ts';
import type { Installer, PassResult, Reckoned, RpmFile, Session } from './installer.ts';
import { readPrimary } from './primary.ts';
import { zyppConfig, zypperCache, zypperCredentials, zypperRepository } from './settings.ts';

/** Nothing to do; a reboot or a restart of zypper itself is wanted. */
const fine = [0, 100, 101, 102, 103, 106];

async function reckon(session: Session): Promise<Reckoned> {
  const { build, wanted, repositories } = session;
  const places = { config: session.config, tree: join(session.folder, 'empty') };
  await mkdir(places.tree, { recursive: true });
  await call(session, zypperRefresh(build, places, session.cache), 'The lists of packages could not be fetched');
  const digests = await digestsOf(session);
  const known = (rpm: Rpm): RpmFile => ({ ...rpm, digest: digests.get(rpmLine(rpm)) ?? '' });
  const ids = {
    packages: repositories.packages.map((repository) => repository.id),
    otherpkgs: repositories.otherpkgs.map((repository) => repository.id),
  };
  let specs: string[] = [];
  const removed = new Set<string>();
  let kept: readonly Rpm[] = [];
  const found = { packages: [] as PassResult[], otherpkgs: [] as PassResult[] };
  for (const stage of ['packages', 'otherpkgs'] as const) {
    const asked = new Set<string>();
    const own = stage === 'packages' ? ids.packages : [...ids.packages, ...ids.otherpkgs];
    for (const pass of wanted[stage]) {
      for (const name of pass.remove) removed.add(name);
      for (const name of pass.packages) {
        removed.delete(name);
        asked.add(name);
      }
      specs = [...new Set([...specs.filter((name) => !removed.has(name)), ...pass.packages])];
      const pinned =
        stage === 'otherpkgs' && build.noupdate ? kept.filter((rpm) => !asked.has(rpm.name)).map(exact) : [];
      const solve = async (names: readonly string[], locked: Iterable<string>): Promise<RpmFile[]> => {
        await writeLocks(places.tree, locked);
        return (await solvables(session, zypperReckon(build, places, session.cache, own, names))).map(known);
      };
      const all = specs.length === 0 ? [] : await solve([...specs, ...pinned], removed);
      let left = all;
      if (pass.removeAfter.length > 0) {
        specs = specs.filter((name) => !pass.removeAfter.includes(name));
        left = specs.length === 0 ? [] : await solve(specs, [...removed, ...pass.removeAfter]);
      }
      found[stage].push({ all, left });
      if (stage === 'packages') kept = left;
    }
  }
  return { ...found, streams: [] };
}

/** What must not be there: zypper's own locks, in the tree that is only reckoned with. */
async function writeLocks(tree: string, names: Iterable<string>): Promise<void> {
  const text = [...names].map(
    (name) => `\ntype: package\nmatch_type: glob\ncase_sensitive: on\nsolvable_name: ${name}\n`,
  );
  await mkdir(join(tree, 'etc/zypp'), { recursive: true });
  await writeFile(join(tree, 'etc/zypp/locks'), text.join(''));
}

async function solvables(session: Session, args: readonly string[]): Promise<Rpm[]> {
  const output = await call(session, args, 'The packages cannot be installed together');
  return parseSummary(output);
}

/** Packages of `<to-install>` in the XML of an installation that was only reckoned. */
export function parseSummary(xml: string): Rpm[] {
  const part = /<to-install>([\s\S]*?)<\/to-install>/.exec(xml)?.[1] ?? '';
  const rows = [...part.matchAll(/<solvable ([^>]*)>/g)].flatMap(([, attributes = '']) => {
    const field = (name: string): string => new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? '';
    if (field('type') !== 'package') return [];
    return [parseRpmLine(`${field('name')} ${field('edition')} ${field('arch')}`)];
  });
  return rows.sort((a, b) => (rpmLine(a) < rpmLine(b) ? -1 : 1));
}

/** Names that zypper said it does not know: no package is called so, and none provides it. */
export function unknownNames(output: string): string[] {
  const found = output.split('\n').flatMap((line) => {
    const match = /No provider of '([^']+)' found/.exec(line.replace(/&apos;|&#39;/g, "'"));
    return match?.[1] === undefined ? [] : [match[1].replace(/^pattern\(\)\s*=\s*/, '@')];
  });
  return [...new Set(found)];
}

async function call(session: Session, args: readonly string[], what: string): Promise<string> {
  try {
    const { stdout } = await run('zypper', args, {
      env: session.env,
      inheritEnv: false,
      signal: session.context.signal,
      timeoutMs: 600_000,
      keepBytes: 32 << 20,
      allowExit: fine,
    });
    return stdout;
  } catch (error) {
    const failure = processFailure(error);
    if (failure === undefined) throw error;
    const output = `${failure.stdout}\n${failure.stderr}`;
    const names = unknownNames(output);
    if (names.length > 0) throw unknownPackages(names);
    const told = [
      ...output.matchAll(/<message type="error">([^<]*)<\/message>|<(?:description|problem)[^>]*>([^<]*)</g),
    ];
    if (told.length === 0) throw explainRpm(error, what);
    throw explainOutput(told.map(([, message = '', problem = '']) => message || problem).join('\n'), what, error);
  }
}

async function digestsOf(session: Session): Promise<Map<string, string>> {
  const raw = join(session.cache, 'raw');
  const found = new Map<string, string>();
  for (const name of await readdir(raw).catch(() => [])) {
    for (const [line, digest] of await readPrimary(join(raw, name, 'repodata'), session.context.signal))
      found.set(line, digest);
  }
  return found;
}

const zypper: Installer = {
  program: 'zypper',
  tools: ['zypper', 'rpm', 'rpmdb', 'depmod'],
  cachePath: zypperCache,
  configName: 'zypp.repos.d',
  executable: () => 'zypper',
  async writeConfig({ config, folder, repositories, build, context }) {
    const credentials = join(folder, 'credentials');
    for (const place of [config, credentials]) {
      await rm(place, { recursive: true, force: true });
      await mkdir(place, { recursive: true, mode: 0o700 });
    }
    await writeFile(join(folder, 'zypp.conf'), zyppConfig(build.arch));
    for (const repository of [...repositories.packages, ...repositories.otherpkgs]) {
      await writeFile(join(config, `${repository.id}.repo`), zypperRepository(repository, context.home, credentials));
      if (repository.user !== undefined) {
        await writeFile(join(credentials, repository.id), zypperCredentials(repository), { mode: 0o600 });
      }
    }
  },
  // Its kernels would make an initrd otherwise, which nobody uses.
  environment: (folder) => ({ ZYPP_CONF: join(folder, 'zypp.conf'), YAST_IS_RUNNING: 'instsys' }),
  reckon,
  prepare: () => [],
  install: zypperInstall,
  remove: zypperRemove,
  settings: (build: Build) => zyppConfig(build.arch),
};

/** SLES and openSUSE Leap. */
export const zypperFamily = rpmFamily(zypper);
