import type { Wanted } from '../family.ts';
import type { Build } from '../spec.ts';
import type { TaskContext } from '../../types.ts';
import type { Places, Rpm } from './arguments.ts';
import type { Repositories } from './repositories.ts';

/** A package with its repository's own digest of the file. */
export interface RpmFile extends Rpm {
  readonly digest: string;
}

/** What is in the tree after a pass, and after what it takes out in the end (`--name`). */
export interface PassResult {
  readonly all: readonly RpmFile[];
  readonly left: readonly RpmFile[];
}

export interface Reckoned {
  readonly packages: readonly PassResult[];
  readonly otherpkgs: readonly PassResult[];
  /** Module streams to enable first. */
  readonly streams: readonly string[];
}

/** One build's view of its repositories. */
export interface Session {
  readonly build: Build;
  /** Names without folders. */
  readonly wanted: Wanted;
  readonly repositories: Repositories;
  /** Folder of the task: configuration, an empty tree to reckon with. */
  readonly folder: string;
  /** What the program is told: dnf.conf, or a folder of .repo files. */
  readonly config: string;
  /** Metadata and downloads, kept from build to build; this process alone uses it while it reckons. */
  readonly cache: string;
  readonly env: Readonly<Record<string, string>>;
  readonly context: TaskContext;
}

/** What differs between dnf and zypper. */
export interface Installer {
  readonly program: 'dnf' | 'zypper';
  readonly tools: readonly string[];
  /** Where the tree has the cache while the program works in it. */
  readonly cachePath: string;
  /** Name of the executable, of several that a machine may have. */
  executable(): string;
  /** Name of the configuration below the session's folder. */
  readonly configName: string;
  writeConfig(session: Session): Promise<void>;
  /** Environment of every call besides HOME. */
  environment(folder: string): Readonly<Record<string, string>>;
  /** Asks the repositories for news, then what the passes come to. */
  reckon(session: Session): Promise<Reckoned>;
  /** Calls before the first package. */
  prepare(build: Build, places: Places, streams: readonly string[]): readonly (readonly string[])[];
  install(build: Build, places: Places, packages: readonly Rpm[]): string[];
  remove(build: Build, places: Places, packages: readonly Rpm[]): string[];
  /** Text that decides what is installed, the same on every machine. */
  settings(build: Build): string;
}
