import type { Json } from '../verb/effect.ts';
import type { StoreAccess } from './blob.ts';
import type { GoldenVersion } from './clone-tree.ts';

/*
 * Installed clones are brought to the state of their image: each fetches what changed from the agent that keeps it,
 * by rsync over mutual TLS, as a capture does in the other direction.
 */

export const cloneServeKind = 'clone-serve';
export const cloneSyncKind = 'clone-sync';
export const cloneSyncVersion = 1;

/** On the agent that keeps the image: lets these nodes read it, until it is stopped. */
export interface CloneServeSpec {
  readonly version: GoldenVersion;
  /** sha256 of the file of all overrides; empty: there are none. */
  readonly pieces: string;
  readonly takers: readonly CloneTaker[];
}

export interface CloneTaker {
  /** Name of the node and of its agent. */
  readonly node: string;
  /** The most important first. */
  readonly groups: readonly string[];
  readonly ticket: string;
}

/** On a node. */
export interface CloneSyncSpec {
  readonly image: string;
  /** sha256 of the packed tree that the node is brought to. */
  readonly root: string;
  readonly ticket: string;
  readonly store: StoreAccess;
  /** `/` on a node. */
  readonly target: string;
}

export interface CloneSyncResult {
  readonly changed: number;
  readonly deleted: number;
  /** That came over the line. */
  readonly bytes: number;
  /** The first of them, as rsync itemises them. */
  readonly paths: readonly string[];
  /** A kernel or initrd is another: a restart brings it. */
  readonly restart: boolean;
  readonly [key: string]: Json;
}

/** Module that holds `sync.json`, and those of the trees; overrides are `override0`, `override1`, ... in their order. */
export const syncModules = { about: 'about', root: 'root', override: (at: number): string => `override${at}` } as const;

/** What a node must know before it begins. */
export interface SyncAbout {
  readonly format: 1;
  /** Patterns of rsync(1), anchored: left as they are on the node. */
  readonly exclude: readonly string[];
  /** Mount points that belong to the image; what else is mounted is another's. */
  readonly mounts: readonly string[];
  readonly overrides: number;
}
