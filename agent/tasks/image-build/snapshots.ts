import { createHash } from 'node:crypto';
import { chmod } from 'node:fs/promises';
import type { Json } from '../../../shared/verb/effect.ts';
import { readEntries } from '../image-tree/entries.ts';
import { clampTimes, newestBefore } from '../image-tree/times.ts';
import type { TaskContext } from '../types.ts';
import { format as resultFormat } from './layers/cache.ts';
import type { LayerCache, StageResult } from './layers/cache.ts';
import { differences, plain } from './layers/merge.ts';
import type { Difference } from './layers/merge.ts';
import { withView } from './layers/open.ts';
import { settleAccounts } from './accounts.ts';
import type { StageName } from './stages.ts';
import type { Mounts, TreeView } from './view.ts';

/** Raised when this code makes another tree of the same inputs. */
const format = 1;

/** How a stage is made when no result of it is kept. */
export interface StageWork {
  readonly name: StageName;
  /** Everything that decides its result, besides the stage before. */
  readonly input: Json;
  readonly mounts?: Mounts;
  /** For stages of packages, so that a later build can begin with this one. */
  readonly contents?: readonly string[];
  readonly names?: readonly string[];
  readonly manner?: string;
  /** Does it to the tree. Returns whether the key tells all that decided the result. */
  work(view: TreeView): Promise<boolean>;
}

/** Takes stages from the cache, or makes them and keeps them. */
export class Snapshots {
  readonly cache: LayerCache;
  /** Layers that this build made. */
  readonly made: string[] = [];
  readonly #state: string;
  readonly #seenAt: string;
  readonly #context: TaskContext;
  readonly #began = Date.now();

  /** `state`: of the repositories. `seenAt`: where programs see the tree. */
  constructor(cache: LayerCache, state: string, seenAt: string, context: TaskContext) {
    this.cache = cache;
    this.#state = state;
    this.#seenAt = seenAt;
    this.#context = context;
  }

  keyOf(name: StageName, below: StageResult | undefined, input: Json): string {
    return createHash('sha256')
      .update(JSON.stringify([format, name, below?.key ?? '', input]))
      .digest('hex');
  }

  find(key: string): Promise<StageResult | undefined> {
    return this.cache.find(key, this.#state);
  }

  /** The first stage: `work` fills an empty folder. */
  async first(stage: Omit<StageWork, 'work'> & { work(folder: string): Promise<boolean> }): Promise<StageResult> {
    const draft = await this.cache.draft();
    try {
      await chmod(draft.tree, 0o755);
      const exact = await stage.work(draft.tree);
      const epoch = newestBefore(draft.tree, this.#began);
      await settleAccounts(draft.tree, this.#began, epoch);
      clampTimes(draft.tree, this.#began, epoch);
      await this.#seal(draft);
      return await this.#keep(stage, undefined, [draft.id], exact, epoch);
    } catch (error) {
      await this.cache.drop(draft);
      throw error;
    }
  }

  /** A stage on top of one, or of a tree that has a part of it already (`from`). */
  async next(stage: StageWork, below: StageResult, from: StageResult = below): Promise<StageResult> {
    const { layers, exact } = await this.#layer(stage, from);
    return this.#keep(stage, below, layers, exact, below.epoch);
  }

  /**
   * As `next` from another result; undefined when what came out would not have come out of `below`: `accept` looks at
   * what was changed.
   */
  async onTop(
    stage: StageWork,
    below: StageResult,
    from: StageResult,
    accept: (changed: readonly Difference[], exact: boolean) => string | undefined,
  ): Promise<StageResult | undefined> {
    const { layers, exact } = await this.#layer(stage, from);
    const before = plain(await this.cache.merged(from.layers));
    const refusal = accept(differences(before, await this.cache.merged(layers)), exact);
    if (refusal === undefined) return this.#keep(stage, below, layers, exact, below.epoch);
    this.#context.log(`${stage.name}: ${refusal}, so all packages are installed anew.`);
    return undefined;
  }

  async #layer(stage: StageWork, from: StageResult): Promise<{ layers: string[]; exact: boolean }> {
    const draft = await this.cache.draft();
    try {
      await chmod(draft.tree, 0o755);
      let exact = true;
      const opening = {
        cache: this.cache,
        layers: from.layers,
        draft,
        seenAt: this.#seenAt,
        mounts: stage.mounts ?? { system: false },
      };
      const isOverlay = await withView(opening, this.#context, async (view) => {
        exact = await stage.work(view);
        await settleAccounts(view.root, this.#began, from.epoch);
      });
      clampTimes(draft.tree, this.#began, from.epoch);
      await this.#seal(draft);
      return { layers: isOverlay ? [...from.layers, draft.id] : [draft.id], exact };
    } catch (error) {
      await this.cache.drop(draft);
      throw error;
    }
  }

  async #seal(draft: Parameters<LayerCache['seal']>[0]): Promise<void> {
    // A socket is of the process that listened there; no archive holds one.
    const entries = (await readEntries(draft.tree, this.#context.signal)).filter(({ kind }) => kind !== 's');
    await this.cache.seal(draft, entries);
    this.made.push(draft.id);
  }

  async #keep(
    stage: Omit<StageWork, 'work'>,
    below: StageResult | undefined,
    layers: readonly string[],
    exact: boolean,
    epoch: number,
  ): Promise<StageResult> {
    const result: StageResult = {
      format: resultFormat,
      stage: stage.name,
      key: this.keyOf(stage.name, below, stage.input),
      layers,
      exact,
      state: this.#state,
      below: below?.key ?? '',
      contents: stage.contents ?? [],
      names: stage.names ?? [],
      manner: stage.manner ?? '',
      epoch,
    };
    await this.cache.keep(result);
    return result;
  }
}
