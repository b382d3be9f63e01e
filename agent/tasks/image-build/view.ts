/**
 * A tree that a stage works on: an overlay over the layers before it, or a copy of them where this machine cannot mount
 * overlays. It is mounted in a namespace of its own and gone with its holder, however this process ends.
 */
export interface TreeView {
  /** How this process reaches the tree (below /proc/<pid>/root): for files, not for arguments of programs. */
  readonly root: string;
  /** Where programs that are run by `enter` see it: `<rootimgdir>/rootimg`. */
  readonly seenAt: string;
  /** Words that run a program where the tree is at `seenAt`. What it mounts and starts is gone when it ends. */
  enter(program: string, args: readonly string[]): { readonly program: string; readonly args: string[] };
}

/** What programs that work in a tree find in it while it is open; nothing of it stays in the tree. */
export interface Mounts {
  /** /proc, /sys (read only), a small /dev, and empty /run and /tmp. */
  readonly system: boolean;
  /** Folders of this machine that appear in the tree: `[from, './var/cache/apt/archives']`. */
  readonly binds?: readonly (readonly [from: string, path: string])[];
}
