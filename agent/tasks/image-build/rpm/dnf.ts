import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HostlerError } from '../../../../shared/errors/error.ts';
import { run } from '../../../../shared/process/run.ts';
import { which } from '../../../../shared/process/which.ts';
import { textFile } from '../../../../shared/text/text-file.ts';
import type { Build } from '../spec.ts';
import type { Pass } from '../pkglist.ts';
import { dnfEnable, dnfInstall, dnfRemove } from './arguments.ts';
import { explainOutput, explainRpm, unknownPackages } from './explain.ts';
import type { Installer, PassResult, Reckoned, RpmFile, Session } from './installer.ts';
import { rpmFamily } from './family.ts';
import { dnfCache, dnfConfig } from './settings.ts';

const resolver = textFile(import.meta.url, './dnf-resolve.py');

type Row = readonly [string, number, string, string, string, string, string];

interface Answer {
  readonly stages?: readonly (readonly { readonly all: readonly Row[]; readonly left: readonly Row[] }[])[];
  readonly streams?: readonly string[];
  readonly missing?: readonly string[];
  readonly problem?: string;
}

/** Where both are there, `dnf` is dnf 5, whose library is another. */
function executable(): string {
  return ['dnf-3', 'dnf'].find((name) => which(name) !== undefined) ?? 'dnf';
}

/** The Python that this machine's dnf runs on, by its first line. */
function interpreter(): string {
  const file = which(executable());
  const line = file === undefined ? '' : (readFileSync(file, 'utf8').slice(0, 200).split('\n')[0] ?? '');
  const python = /^#!\s*(\/\S*python\S*)/.exec(line)?.[1];
  if (python !== undefined) return python;
  throw new HostlerError(
    'failed_precondition',
    `Images of RPMs are built with dnf 4, and ${file ?? 'dnf'} of this machine is another. Install dnf 4 (package dnf4 or python3-dnf).`,
  );
}

async function reckon(session: Session): Promise<Reckoned> {
  const { build, wanted, repositories, context } = session;
  const program = join(session.folder, 'dnf-resolve.py');
  const root = join(session.folder, 'empty');
  await mkdir(root, { recursive: true });
  await writeFile(program, resolver);
  const base = repositories.packages.map((repository) => repository.id);
  const asked = {
    config: session.config,
    cachedir: session.cache,
    root,
    arch: build.arch,
    releasever: build.release.codename,
    platform: build.release.platform ?? '',
    streams: build.release.streams,
    refresh: true,
    stages: [
      { repositories: base, keep: false, passes: wanted.packages.map(passWords) },
      {
        repositories: [...base, ...repositories.otherpkgs.map((repository) => repository.id)],
        keep: build.noupdate,
        kernel: build.kernelver === '' ? '' : build.release.kernelPackage,
        passes: wanted.otherpkgs.map(passWords),
      },
    ],
  };
  let output: string;
  try {
    const answer = await run(interpreter(), ['-I', '-B', program], {
      env: session.env,
      inheritEnv: false,
      input: JSON.stringify(asked),
      signal: context.signal,
      timeoutMs: 600_000,
      keepBytes: 32 << 20,
    });
    output = answer.stdout;
  } catch (error) {
    throw explainRpm(error, 'What the package lists come to could not be reckoned');
  }
  // dnf's library may say things of its own before.
  const answer = JSON.parse(output.slice(Math.max(0, output.lastIndexOf('\n{') + 1))) as Answer;
  if (answer.missing !== undefined) throw unknownPackages(answer.missing);
  if (answer.problem !== undefined) throw explainOutput(answer.problem, 'The packages cannot be installed together');
  const [packages = [], otherpkgs = []] = answer.stages ?? [];
  return { packages: packages.map(passResult), otherpkgs: otherpkgs.map(passResult), streams: answer.streams ?? [] };
}

function passWords(pass: Pass): {
  install: readonly string[];
  remove: readonly string[];
  removeAfter: readonly string[];
} {
  return { install: pass.packages, remove: pass.remove, removeAfter: pass.removeAfter };
}

function passResult(pass: { readonly all: readonly Row[]; readonly left: readonly Row[] }): PassResult {
  return { all: pass.all.map(fileOf), left: pass.left.map(fileOf) };
}

function fileOf([name, epoch, version, release, arch, digest]: Row): RpmFile {
  return { name, epoch, version, release, arch, digest };
}

const dnf: Installer = {
  program: 'dnf',
  tools: ['dnf', 'rpm', 'rpmdb', 'depmod'],
  cachePath: dnfCache,
  configName: 'dnf.conf',
  executable,
  async writeConfig({ config, repositories, context }) {
    // May hold the password of a repository.
    const all = [...repositories.packages, ...repositories.otherpkgs];
    await writeFile(config, dnfConfig(all, context.home), { mode: 0o600 });
  },
  environment: () => ({}),
  reckon,
  prepare: (build, places, streams) => (streams.length === 0 ? [] : [dnfEnable(build, places, streams)]),
  install: dnfInstall,
  remove: dnfRemove,
  settings: (build: Build) => dnfConfig([], '') + build.release.streams.join(' '),
};

/** Enterprise Linux and Fedora. */
export const dnfFamily = rpmFamily(dnf);
