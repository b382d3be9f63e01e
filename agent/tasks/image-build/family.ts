import type { Json } from '../../../shared/verb/effect.ts';
import type { TaskContext } from '../types.ts';
import type { Pass } from './pkglist.ts';
import type { Build } from './spec.ts';
import type { Mounts, TreeView } from './view.ts';

/** The stages that a package family makes, in order. */
export type PackageStage = 'bootstrap' | 'packages' | 'otherpkgs';

/** What the lists of an osimage come to, with what every image needs. */
export interface Wanted {
  readonly packages: readonly Pass[];
  readonly otherpkgs: readonly Pass[];
}

/** What is in the tree after a stage, as the package manager reckons it before anything is done. */
export interface Resolved {
  /** `name version arch`, sorted. */
  readonly packages: readonly string[];
  /** `name version arch digest`, sorted: the repositories' own digests of the package files. What a key is made of. */
  readonly contents: readonly string[];
}

/**
 * One family of distributions (apt; dnf; zypper): how its packages get into a tree. A family keeps nothing between
 * builds but caches below `context.home/cache`, which may be emptied at any time.
 */
export interface PackageFamily {
  /** Programs that a build needs besides those that every build needs. */
  tools(build: Build): readonly string[];
  /** Throws for sources that cannot be right (a pkgdir without a repository), before anything is begun; no network. */
  check(build: Build): Promise<void>;
  /** Reads the package lists. Throws what the user must correct. */
  wanted(build: Build): Promise<Wanted>;
  /** Asks the repositories for news and reckons what the lists come to: one or two seconds; unknown packages are told here. */
  open(build: Build, wanted: Wanted, context: TaskContext): Promise<PackageWorld>;
}

/** Package sources at one moment: nothing in it changes while a build runs. */
export interface PackageWorld {
  /** Digest of the state of all repositories (their signed summaries). */
  readonly state: string;
  readonly resolved: Readonly<Record<PackageStage, Resolved>>;
  /**
   * Everything else that decides what a stage makes, as JSON: options, hooks, sources as they will stand in the image,
   * versions of the tools. No secret, no path that differs between two agents.
   */
  readonly inputs: Readonly<Record<PackageStage | 'files', Json>>;
  /** Makes the first tree: `folder` is there and empty. Progress through `context`. */
  bootstrap(folder: string, context: TaskContext): Promise<void>;
  /** What the package manager and the packages' scripts must find in the tree while they run. */
  mounts(stage: 'packages' | 'otherpkgs'): Mounts;
  /**
   * Installs all passes of the stage into a tree that has those before it, or a part of them already: what is there in
   * the right version is left as it is. Leaves no cache, log or setting of the build in the tree.
   */
  install(stage: 'packages' | 'otherpkgs', view: TreeView, context: TaskContext): Promise<void>;
  /** `name version arch`, sorted, of a tree, in the words of `Resolved.packages`. */
  installed(root: string): Promise<readonly string[]>;
  /**
   * Takes the traces of the order of installation, of the day and of the machine out of what a stage wrote (`root`: the
   * whole tree): logs, lock files, caches; sorts databases. Equal packages make equal trees then.
   */
  normalise(root: string): Promise<void>;
  /**
   * Whether a path that was there before, and that an installation on top of an earlier tree changed, comes out the
   * same when all is installed at once (databases that `normalise` sorts). When another was changed (a new user in
   * /etc/passwd, whose number depends on the order), all is installed anew.
   */
  settled(path: string): boolean;
  /** The image's own package sources and keys; part of the stage `files`. */
  configure(root: string): Promise<void>;
}
