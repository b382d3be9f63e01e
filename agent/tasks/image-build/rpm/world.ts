import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { HostlerError } from '../../../../shared/errors/error.ts';
import { run } from '../../../../shared/process/run.ts';
import { buildEnvironment } from '../../image-tree/environment.ts';
import type { Json } from '../../../../shared/verb/effect.ts';
import { installedRpms, rpmLines, rpmQueryFormat } from '../../image-tree/rpm-packages.ts';
import type { TaskContext } from '../../types.ts';
import type { PackageStage, PackageWorld, Resolved } from '../family.ts';
import type { Pass } from '../pkglist.ts';
import type { Mounts, TreeView } from '../view.ts';
import { parseRpmLine, rpmLine } from './arguments.ts';
import type { Places, Rpm } from './arguments.ts';
import { sortDatabase } from './database.ts';
import { explainRpm, isRemark, scriptWarnings } from './explain.ts';
import { configureRpmTree, filesInput, finishKernels, removeTraces, withoutInitrds } from './finish.ts';
import type { Installer, PassResult, Reckoned, Session } from './installer.ts';
import { RpmFollower } from './progress.ts';
import { rpmMacros } from './settings.ts';

interface Parts {
  readonly installer: Installer;
  readonly session: Session;
  readonly reckoned: Reckoned;
  readonly state: string;
  /** The metadata as it was when the build began. */
  readonly snapshot: string;
  /** Form of the database that this machine's rpm writes. */
  readonly backend: string;
  readonly versions: readonly string[];
}

/** Folders that a tree has before its first package; what is mounted there while packages are installed needs them. */
const skeleton: readonly (readonly [string, number])[] = [
  ['proc', 0o555],
  ['sys', 0o555],
  ['dev', 0o755],
  ['run', 0o755],
  ['tmp', 0o1777],
];

/**
 * Packages of RPM distributions in a tree. The whole content is reckoned from nothing beforehand; then exactly those
 * packages are installed, so that what comes out does not depend on what was in the tree before.
 */
export class RpmWorld implements PackageWorld {
  readonly state: string;
  readonly resolved: Readonly<Record<PackageStage, Resolved>>;
  readonly inputs: Readonly<Record<PackageStage | 'files', Json>>;
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.state = parts.state;
    const { packages, otherpkgs } = parts.reckoned;
    const stage = (passes: readonly PassResult[], before: Resolved): Resolved => {
      const left = passes.at(-1)?.left;
      if (left === undefined) return before;
      return {
        packages: left.map(rpmLine).sort(),
        contents: left.map((rpm) => `${rpmLine(rpm)} ${rpm.digest}`).sort(),
      };
    };
    const empty: Resolved = { packages: [], contents: [] };
    const first = stage(packages, empty);
    this.resolved = { bootstrap: empty, packages: first, otherpkgs: stage(otherpkgs, first) };
    this.inputs = {
      bootstrap: { format: 1, skeleton: skeleton.map(([name, mode]) => [name, mode]) },
      packages: this.#inputsOf('packages'),
      otherpkgs: this.#inputsOf('otherpkgs'),
      files: filesInput(parts.session, parts.backend),
    };
  }

  async bootstrap(folder: string): Promise<void> {
    for (const [name, mode] of skeleton) await mkdir(join(folder, name), { mode });
  }

  mounts(): Mounts {
    return { system: true, binds: [[this.#parts.snapshot, `./${this.#parts.installer.cachePath}`]] };
  }

  async install(stage: 'packages' | 'otherpkgs', view: TreeView, context: TaskContext): Promise<void> {
    const { session, reckoned, installer } = this.#parts;
    const places: Places = { config: session.config, tree: view.seenAt };
    const passes = session.wanted[stage];
    const unmask = await withoutInitrds(view.root);
    try {
      if (stage === 'packages') {
        for (const args of installer.prepare(session.build, places, reckoned.streams)) {
          await this.#call(args, view, context, stage);
        }
      }
      for (const [index, result] of reckoned[stage].entries()) {
        const environment = passes[index]?.environment ?? {};
        const change = (args: readonly string[]): Promise<void> => this.#call(args, view, context, stage, environment);
        await this.#bring(result.all, view, places, context, change);
        const gone = withoutThose(result.all, result.left);
        if (gone.length > 0) await change(installer.remove(session.build, places, gone));
      }
      await this.#settle(stage, view, places, context);
      await finishKernels(view, session.build, context);
    } finally {
      await unmask();
    }
  }

  async installed(root: string): Promise<readonly string[]> {
    return (await installedRpms(root)) ?? [];
  }

  async normalise(root: string): Promise<void> {
    await removeTraces(root, this.#parts.installer.cachePath);
    await sortDatabase(root, this.#parts.backend);
  }

  settled(path: string): boolean {
    const database = this.#parts.session.build.release.database?.folder ?? '/var/lib/rpm';
    return (
      path.startsWith(`.${database}/`) ||
      path === './etc/ld.so.cache' ||
      /^\.\/(?:usr\/)?lib\/modules\/[^/]+\/modules\./.test(path)
    );
  }

  async configure(root: string): Promise<void> {
    const { session, backend } = this.#parts;
    await configureRpmTree(root, session, backend);
  }

  /** Installs what is not there yet. */
  async #bring(
    wanted: readonly Rpm[],
    view: TreeView,
    places: Places,
    context: TaskContext,
    change: (args: readonly string[]) => Promise<void>,
  ): Promise<void> {
    const { session, installer } = this.#parts;
    const there = new Set(await this.#query(view, context));
    const missing = wanted.filter((rpm) => !there.has(rpmLine(rpm)));
    if (missing.length > 0) await change(installer.install(session.build, places, missing));
  }

  /** Takes out what an earlier build had and this one has not; then the tree must be what was reckoned. */
  async #settle(stage: 'packages' | 'otherpkgs', view: TreeView, places: Places, context: TaskContext): Promise<void> {
    const { session, installer } = this.#parts;
    const reckoned = new Set(this.resolved[stage].packages);
    const extra = (await this.#query(view, context)).filter((line) => !reckoned.has(line));
    if (extra.length > 0) {
      await this.#call(installer.remove(session.build, places, extra.map(parseRpmLine)), view, context, stage);
    }
    const there = new Set(await this.#query(view, context));
    const wrong = [...reckoned].filter((line) => !there.has(line));
    if (wrong.length === 0 && there.size === reckoned.size) return;
    const odd = [...wrong, ...[...there].filter((line) => !reckoned.has(line))];
    throw new HostlerError(
      'failed_precondition',
      `${installer.program} did not install what it had reckoned: ${odd.slice(0, 10).join('; ')}. The log of the job has its own words.`,
    );
  }

  async #query(view: TreeView, context: TaskContext): Promise<string[]> {
    const { program, args } = view.enter('rpm', [
      '--root',
      view.seenAt,
      '--query',
      '--all',
      '--queryformat',
      rpmQueryFormat,
    ]);
    const { stdout } = await run(program, args, {
      env: this.#parts.session.env,
      inheritEnv: false,
      signal: context.signal,
      keepBytes: 16 << 20,
    });
    return rpmLines(stdout);
  }

  async #call(
    words: readonly string[],
    view: TreeView,
    context: TaskContext,
    stage: string,
    environment: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const { installer, session } = this.#parts;
    const { program, args } = view.enter(installer.executable(), words);
    context.log(`${installer.program} ${words.join(' ')}`.slice(0, 4000));
    const follower = new RpmFollower();
    try {
      const { stdout, stderr } = await run(program, args, {
        env: buildEnvironment({ ...session.build.environment, ...environment, ...session.env }),
        inheritEnv: false,
        signal: context.signal,
        keepBytes: 4 << 20,
        // zypper: a reboot or its own restart is wanted.
        allowExit: installer.program === 'zypper' ? [100, 101, 102, 103] : [],
        onLine: (line) => {
          if (!isRemark(line)) context.log(line);
          const progress = follower.line(line);
          if (progress === undefined) return;
          context.progress(stage, progress.text, progress.done, progress.total, 'packages');
        },
      });
      for (const line of scriptWarnings(`${stdout}\n${stderr}`)) context.log(line);
    } catch (error) {
      throw explainRpm(error, `The packages of ${session.build.image} could not be installed`);
    }
  }

  #inputsOf(stage: 'packages' | 'otherpkgs'): Json {
    const { installer, session, reckoned, versions, backend } = this.#parts;
    const { build } = session;
    const neutral: Places = { config: 'CONFIG', tree: 'TREE' };
    return {
      format: 1,
      tools: [...versions],
      settings: installer.settings(build),
      macros: rpmMacros(build.release, backend),
      call: installer.install(build, neutral, []),
      streams: [...reckoned.streams],
      environment: { ...build.environment },
      passes: session.wanted[stage].map((pass: Pass, index) => ({
        environment: { ...pass.environment },
        // Of the last pass it is what the stage comes to.
        packages: index === session.wanted[stage].length - 1 ? [] : (reckoned[stage][index]?.left ?? []).map(rpmLine),
        removed: withoutThose(reckoned[stage][index]?.all ?? [], reckoned[stage][index]?.left ?? []).map(rpmLine),
      })),
    };
  }
}

function withoutThose(all: readonly Rpm[], others: readonly Rpm[]): Rpm[] {
  const lines = new Set(others.map(rpmLine));
  return all.filter((rpm) => !lines.has(rpmLine(rpm)));
}
