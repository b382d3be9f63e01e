export const cloneClusterKind = 'clone-cluster';
export const cloneClusterVersion = 1;

/** Tells SystemImager's tools which node has which golden image: lines of `cluster.txt`. */
export interface CloneClusterSpec {
  /** Absolute: a work tree; the file lies in the folder `scripts` beside `images`. */
  readonly tree: string;
  readonly nodes: readonly { readonly host: string; readonly groups: readonly string[]; readonly image: string }[];
}
