import { createHash } from 'node:crypto';
import type { Json } from '../../../shared/verb/effect.ts';
import type { TaskContext } from '../types.ts';
import type { PackageWorld, Wanted } from './family.ts';
import type { StageResult } from './layers/cache.ts';
import type { Difference } from './layers/merge.ts';
import type { Snapshots, StageWork } from './snapshots.ts';
import type { Build } from './spec.ts';
import type { Stages } from './stages.ts';

/** A stack that is deeper takes longer to walk than to build anew; the kernel bounds it too. */
const mostLayers = 24;

/** Bootstrap, packages and packages from elsewhere, each on top of the one before. */
export async function makePackages(
  build: Build,
  world: PackageWorld,
  wanted: Wanted,
  snapshots: Snapshots,
  stages: Stages,
  context: TaskContext,
): Promise<StageResult> {
  const base = await makeBootstrap(build, world, snapshots, stages, context);
  const packages = await makeStage('packages', base);
  return wanted.otherpkgs.length === 0 ? packages : makeStage('otherpkgs', packages);

  async function makeStage(name: 'packages' | 'otherpkgs', below: StageResult): Promise<StageResult> {
    const passes = wanted[name];
    const { contents, packages: target } = world.resolved[name];
    const names = passes.flatMap((pass) => pass.packages);
    const rest = passes.map(({ remove, removeAfter, environment }) => [remove, removeAfter, environment]);
    const manner = digest([world.inputs[name], build.environment, name === 'otherpkgs' && build.noupdate, rest]);
    // In which order names stand in a list decides nothing.
    const input: Json = [manner, passes.map((pass) => [...pass.packages].sort()), [...contents]];
    const found = build.fresh ? undefined : await snapshots.find(snapshots.keyOf(name, below, input));
    if (found !== undefined) {
      stages.note(name, 0, true);
      return found;
    }
    const stage: StageWork = {
      name,
      input,
      contents,
      names,
      manner,
      mounts: world.mounts(name),
      work: async (view) => {
        await world.install(name, view, context);
        await world.normalise(view.root);
        const installed = await world.installed(view.root);
        const exact = sameList(installed, target);
        if (!exact) context.log(`${name}: the package manager chose otherwise than was reckoned.`);
        return exact;
      },
    };
    return stages.run(name, `installing ${name}`, async () => {
      const start =
        build.fresh || passes.length !== 1 ? undefined : await nearest(name, below, contents, names, manner);
      if (start !== undefined) {
        const news = contents.length - start.contents.length;
        context.log(`${name}: ${news} packages on top of the ${start.contents.length} of an earlier build.`);
        const made = await snapshots.onTop(stage, below, start, refusal).catch((error: unknown) => {
          context.signal.throwIfAborted();
          context.log(
            `${name}: it did not go on top of the earlier build (${String(error)}), so all is installed anew.`,
          );
          return undefined;
        });
        if (made !== undefined) return made;
      }
      return snapshots.next(stage, below);
    });
  }

  /** The largest earlier result that has only what is wanted now, asked for in the same manner. */
  async function nearest(
    name: string,
    below: StageResult,
    contents: readonly string[],
    names: readonly string[],
    manner: string,
  ): Promise<StageResult | undefined> {
    const all = new Set(contents);
    const asked = new Set(names);
    const fitting = (await snapshots.cache.others(name, below.key)).filter(
      (one) =>
        one.exact &&
        one.manner === manner &&
        one.layers.length < mostLayers &&
        one.contents.every((line) => all.has(line)) &&
        one.names.every((word) => asked.has(word)),
    );
    return fitting.sort((a, b) => b.contents.length - a.contents.length)[0];
  }

  function refusal(changed: readonly Difference[], exact: boolean): string | undefined {
    if (!exact) return 'other packages came than were reckoned';
    const other = changed.find(
      ({ path, before, after }) =>
        before !== undefined &&
        !(before.kind === 'd' && after?.kind === 'd' && sameFolder(before, after)) &&
        !world.settled(path),
    );
    return other === undefined ? undefined : `a package changed ${other.path}, which depends on the order`;
  }
}

/** The first tree. Its packages alone decide it, so that it serves every image of a release. */
async function makeBootstrap(
  build: Build,
  world: PackageWorld,
  snapshots: Snapshots,
  stages: Stages,
  context: TaskContext,
): Promise<StageResult> {
  const { contents, packages } = world.resolved.bootstrap;
  const input: Json = [build.release.osvers, build.arch, world.inputs.bootstrap, [...contents]];
  const found = build.fresh ? undefined : await snapshots.find(snapshots.keyOf('bootstrap', undefined, input));
  if (found !== undefined) {
    stages.note('bootstrap', 0, true);
    return found;
  }
  return stages.run('bootstrap', 'making the first tree', () =>
    snapshots.first({
      name: 'bootstrap',
      input,
      work: async (folder) => {
        await world.bootstrap(folder, context);
        await world.normalise(folder);
        return sameList(await world.installed(folder), packages);
      },
    }),
  );
}

function sameFolder(a: NonNullable<Difference['before']>, b: NonNullable<Difference['after']>): boolean {
  return a.mode === b.mode && a.uid === b.uid && a.gid === b.gid && a.attributes === b.attributes;
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((line, index) => line === b[index]);
}

function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}
