import { HostlerError } from '../../../shared/errors/error.ts';
import { newestTime, treeDigest, walk } from '../image-tree/walk.ts';
import type { TreeEntry } from '../image-tree/walk.ts';

/** What of a tree is packed. The tree is read once and not changed. */
export interface Survey {
  /** In order, folders before what they hold. */
  readonly kept: readonly TreeEntry[];
  /** Left out, the topmost names only: what lies below them is out as well. */
  readonly dropped: readonly string[];
  /** Files and folders left out. */
  readonly leftOut: number;
  /** Seconds since the epoch: of the youngest file. Nothing of today goes into an image, so that equal trees pack equally. */
  readonly newest: number;
  /** Names the content of the tree. */
  readonly uuid: string;
}

/** Must not be in an image: anybody who may fetch it could pose as every node. */
const secretFiles = /^\.\/etc\/ssh\/ssh_host_[^/]*key(?:\.pub)?$/;
const firstProgram = /^\.(?:\/usr)?\/(?:sbin\/init|lib\/systemd\/systemd)$/;

/** Throws `failed_precondition` when the exclude lists leave nothing that could be started. */
export function survey(
  tree: string,
  excluded: (path: string) => boolean,
  entries: readonly TreeEntry[] = walk(tree),
): Survey {
  const { kept, dropped } = choose(entries, (path) => secretFiles.test(path) || excluded(path));
  if (!kept.some(({ path }) => firstProgram.test(path))) {
    throw new HostlerError(
      'failed_precondition',
      'The exclude list leaves no /sbin/init in the image: nothing could be started in it.',
    );
  }
  const digest = treeDigest(tree, kept);
  const uuid = `${digest.slice(0, 8)}-${digest.slice(8, 12)}-8${digest.slice(13, 16)}-8${digest.slice(17, 20)}-${digest.slice(20, 32)}`;
  return { kept, dropped, leftOut: entries.length - kept.length, newest: newestTime(entries), uuid };
}

/** From the end, so that a folder that is left out goes only when nothing in it stays. */
function choose(
  entries: readonly TreeEntry[],
  excluded: (path: string) => boolean,
): { kept: TreeEntry[]; dropped: string[] } {
  const kept: TreeEntry[] = [];
  const out: string[] = [];
  const needed = new Set<string>(['.']);
  for (const entry of [...entries].reverse()) {
    if (!needed.has(entry.path) && excluded(entry.path)) out.push(entry.path);
    else {
      kept.push(entry);
      needed.add(parentOf(entry.path));
    }
  }
  const gone = new Set(out);
  return { kept: kept.reverse(), dropped: out.reverse().filter((path) => !gone.has(parentOf(path))) };
}

export function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '.';
}
