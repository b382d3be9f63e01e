import type { StoreAccess } from './blob.ts';

export const clonePackKind = 'clone-pack';
export const clonePackVersion = 1;

/**
 * Packs a golden tree, and makes the installer that fits it. Done where the tree is. The result is an ImagePackResult:
 * `root` the tree as tar in zstd (it holds secrets, and is handed out to one machine at a time), `manifest` the facts
 * (shared/clone/facts.ts) as JSON, kernel and initrd those of the installer.
 */
export interface ClonePackSpec {
  readonly image: string;
  /** Absolute: the golden tree. */
  readonly tree: string;
  /** Absolute: its disk layout, JSON (shared/layout). */
  readonly layout: string;
  readonly osvers: string;
  readonly arch: string;
  /** Kernel modules for network cards besides the usual ones. */
  readonly netdrivers: readonly string[];
  /** Where the files go; empty endpoints: this very agent keeps them. */
  readonly store: StoreAccess;
}

/** Paths on a boot server's HTTPS port for a machine that holds the token of its boot (shared/identity/boot-token.ts). */
export const clonePaths = {
  plan: '/clone/plan',
  tree: '/clone/tree',
  /** `?digest=SHA256`: an override or script of that machine. */
  piece: '/clone/piece',
  report: '/clone/report',
  enrolment: '/clone/enrolment',
  done: '/clone/done',
} as const;

/** What the installer leaves in a clone, so that its agent can register once it has started from disk. */
export interface CloneEnrolment {
  /** Boot server: `http://ADDRESS:PORT`, and by TLS. */
  readonly server: string;
  readonly secure: string;
  /** sha256 of the authority's certificate. */
  readonly authority: string;
  readonly node: string;
  readonly mac: string;
  /** sha256 of the packed tree that the machine was filled with. */
  readonly image: string;
  readonly token: string;
  /** HOST:PORT */
  readonly manager: string;
}
