import { createHash } from 'node:crypto';
import { lstat, readFile, readdir, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { HostlerError } from '../../../shared/errors/error.ts';
import type { Json } from '../../../shared/verb/effect.ts';
import { applyStack, putTree } from '../image-tree/apply.ts';
import { readBuildRecord, writeBuildRecord } from '../image-tree/build-record.ts';
import { scanTree } from '../image-tree/edits.ts';
import type { Looked, Scan } from '../image-tree/edits.ts';
import { placesIn } from '../image-tree/folder.ts';
import { kernelOf } from '../image-tree/kernel.ts';
import { removeTree } from '../image-tree/remove.ts';
import { readTreeRecord, writeTreeRecord } from '../image-tree/tree-record.ts';
import type { TreeRecord } from '../image-tree/tree-record.ts';
import type { TaskContext } from '../types.ts';
import type { PackageWorld, Wanted } from './family.ts';
import type { LayerCache, StageResult } from './layers/cache.ts';
import { makePackages } from './packages.ts';
import { agentParts, filesParts } from './parts.ts';
import type { TreePart } from './parts.ts';
import { postinstallCalls, runPostinstall } from './postinstall.ts';
import { Snapshots } from './snapshots.ts';
import type { Build } from './spec.ts';
import type { StageName, Stages } from './stages.ts';

/** The tree that is there in the end. */
export interface MadeTree {
  readonly record: TreeRecord;
  readonly scan: Scan;
  readonly kernelver: string;
  /** Layers that this build made. */
  readonly layers: readonly string[];
}

/**
 * The stages that make `<rootimgdir>/rootimg`. Each is a snapshot on top of the one before, known by everything that
 * decides it; what is not known is made. Then the tree is brought from what it was to what it shall be by touching only
 * what differs, and what was edited in it by hand stays. `looked`: at the tree, a moment ago.
 */
export async function makeTree(
  build: Build,
  world: PackageWorld,
  wanted: Wanted,
  cache: LayerCache,
  stages: Stages,
  context: TaskContext,
  looked: Looked | undefined,
): Promise<MadeTree> {
  const { tree } = placesIn(build.rootimgdir, context.id);
  const snapshots = new Snapshots(cache, world.state, tree, context);
  const before = looked?.record ?? (await requireOwnTree(build, tree));
  const packages = await makePackages(build, world, wanted, snapshots, stages, context);
  // What the manifest names: as the keys of the stages, but the same in every folder.
  let inputs = packages.key;
  const decides = (name: StageName, input: Json): void => {
    inputs = createHash('sha256')
      .update(JSON.stringify([name, inputs, input]))
      .digest('hex');
  };
  const files = await makeParts('files', filesParts(world), packages);
  const post = await makePostinstall(files);
  const last = await makeParts('agent', agentParts, post);
  const made = await bring(last);
  const { version: kernelver } = await kernelOf(
    tree,
    build.release.kernelFile[build.arch] ?? 'vmlinuz',
    build.kernelver,
  );
  const record = { format: 1, key: inputs, kernelver, arch: build.arch } as const;
  const known = await readBuildRecord(build.rootimgdir);
  if (JSON.stringify(known) !== JSON.stringify(record)) await writeBuildRecord(build.rootimgdir, record);
  return { ...made, kernelver, layers: snapshots.made };

  async function makeParts(name: StageName, parts: readonly TreePart[], below: StageResult): Promise<StageResult> {
    const input: Json[] = [];
    for (const part of parts) input.push([part.name, await part.input(build, context)]);
    decides(name, input);
    return keyed(name, `adding ${name}`, input, below, async (root) => {
      for (const part of parts) await part.apply(root, build, context);
    });
  }

  async function keyed(
    name: StageName,
    text: string,
    input: Json,
    below: StageResult,
    work: (root: string) => Promise<void>,
  ): Promise<StageResult> {
    const found = build.fresh ? undefined : await snapshots.find(snapshots.keyOf(name, below, input));
    if (found !== undefined) {
      stages.note(name, 0, true);
      return found;
    }
    return stages.run(name, text, () =>
      snapshots.next({ name, input, work: (view) => work(view.root).then(() => true) }, below),
    );
  }

  async function makePostinstall(below: StageResult): Promise<StageResult> {
    const calls = postinstallCalls(build.postinstall);
    if (calls.length === 0) return below;
    const input = {
      environment: build.environment,
      // Scripts see all of these.
      facts: [build.image, build.osvers, build.arch, build.profile, build.rootimgdir, build.kernelver],
      lists: [build.pkglist, build.pkgdir, build.otherpkglist, build.otherpkgdir],
      scripts: await Promise.all(calls.map(async ({ script, args }) => [await fileInput(script), ...args])),
      named: await Promise.all(calls.flatMap(({ args }) => args.filter((arg) => arg.startsWith('/'))).map(fileInput)),
    };
    const name = 'postinstall';
    decides(name, anywhere(build, input.scripts, input.named));
    const found = build.fresh ? undefined : await snapshots.find(snapshots.keyOf(name, below, input));
    if (found !== undefined) {
      stages.note(name, 0, true);
      return found;
    }
    return stages.run(name, 'running postinstall scripts', () =>
      snapshots.next(
        {
          name,
          input,
          work: async (view) => {
            const prefix = build.release.kernelFile[build.arch] ?? 'vmlinuz';
            const { version } = await kernelOf(view.root, prefix, build.kernelver);
            await runPostinstall(view, version, build, context);
            return true;
          },
        },
        below,
      ),
    );
  }

  async function bring(last: StageResult): Promise<Pick<MadeTree, 'record' | 'scan'>> {
    const folderOf = (id: string): string => cache.tree(id);
    const { rootimgdir } = build;
    const { signal, dir: scratch, id: taskId } = context;
    const began = Date.now();
    if (before === undefined || build.fresh) {
      context.progress('tree', `making ${tree}`);
      const stack = await cache.merged(last.layers);
      const { old, record } = await putTree({ rootimgdir, taskId, stack, folderOf, key: last.key, scratch, signal });
      stages.note('tree', (Date.now() - began) / 1000);
      if (old !== undefined) await removeTree(old);
      return { record, scan: { edits: [], actual: new Map(), touched: new Map(), bytes: bytesOf(record) } };
    }
    // Once more where something was made: people work on the tree meanwhile.
    const scan =
      snapshots.made.length === 0 && looked !== undefined ? looked.scan : await scanTree(tree, before, signal);
    if (scan.edits.length > 0) context.log(`${scan.edits.length} paths in ${tree} were edited by hand: they are kept.`);
    if (before.key === last.key) {
      context.log('Nothing that the image is made of has changed: the tree stays as it is, edits included.');
      // Else all that was touched and left as it was would be read by every build.
      if (scan.touched.size > 200) {
        for (const [path, stamp] of scan.touched) {
          const known = before.paths.get(path);
          if (known !== undefined) before.paths.set(path, { ...known, stamp });
        }
        await writeTreeRecord(rootimgdir, before);
      }
      stages.note('tree', (Date.now() - began) / 1000, true);
      return { record: before, scan };
    }
    context.progress('tree', `bringing ${tree} up to date`);
    const stack = await cache.merged(last.layers);
    const applied = await applyStack(
      { rootimgdir, taskId, stack, folderOf, key: last.key, scratch, signal },
      before,
      scan,
    );
    for (const path of applied.conflicts.slice(0, 20)) {
      context.log(
        `Warning: ${path} was edited by hand, and the build would now make it otherwise: the edit stays (genimage --fresh takes edits away).`,
      );
    }
    if (applied.conflicts.length > 20) context.log(`Warning: so were ${applied.conflicts.length - 20} more paths.`);
    context.log(`${applied.changed} paths of ${tree} were brought up to date.`);
    stages.note('tree', (Date.now() - began) / 1000);
    return { record: applied.record, scan };
  }
}

function bytesOf(record: TreeRecord): number {
  let bytes = 0;
  for (const { entry } of record.paths.values()) bytes += entry.size;
  return bytes;
}

/** A tree that nobody knows is not replaced without a word. */
async function requireOwnTree(build: Build, tree: string): Promise<TreeRecord | undefined> {
  const record = await readTreeRecord(build.rootimgdir);
  if (record !== undefined || build.fresh) return record;
  const names = await readdir(tree).catch(() => []);
  // Of a version of this program that kept no record of the tree.
  if (names.length === 0 || (await readBuildRecord(build.rootimgdir)) !== undefined) return undefined;
  throw new HostlerError(
    'failed_precondition',
    `${tree} holds a tree that this genimage did not make. Move it away, or let genimage --fresh replace it.`,
  );
}

/** What decides the result of scripts, without the folders that they and the image are in. */
function anywhere(build: Build, ...files: readonly Json[]): Json {
  const named = (value: Json): Json => {
    if (Array.isArray(value)) return value.map(named);
    return typeof value === 'string' && value.startsWith('/') ? basename(value) : value;
  };
  const { image, osvers, arch, profile, kernelver, environment } = build;
  return [environment, image, osvers, arch, profile, kernelver, named([...files])];
}

/** Content and mode of a file that decides something; a folder by its name alone. */
async function fileInput(file: string): Promise<Json> {
  const info = await stat(file).catch(() => undefined);
  if (info === undefined) return [file, ''];
  if (!info.isFile()) return [file, info.isDirectory() ? 'folder' : 'special'];
  const { mode } = await lstat(file);
  const digest = createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
  return [file, mode & 0o7777, digest];
}
