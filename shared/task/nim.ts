import type { Json } from '../verb/effect.ts';

/** Task kinds of the role `nim`. Specs are complete: the agent decides nothing about names and places. */
export const nimKinds = {
  image: 'nim-image',
  removeImage: 'nim-image-remove',
  clients: 'nim-clients',
  groups: 'nim-groups',
  networks: 'nim-networks',
  show: 'nim-show',
  check: 'nim-check',
  status: 'nim-status',
} as const;
export const nimVersion = 1;

/** Attributes in the order they are given to `nim -a`. */
export type NimPairs = readonly (readonly [name: string, value: string])[];

/** A resource to be there in the end: found whole, or made. */
export interface NimResourceSpec {
  readonly type: string;
  readonly name: string;
  /** Absent for a resource that must exist already (`spot=610spot` on the command line). */
  readonly make?: {
    /** What `lsnim` will show as its location; for a SPOT `<parent>/<name>/usr`. */
    readonly location: string;
    /** Given to `nim -o define` besides server and location. */
    readonly attributes: NimPairs;
    /** A backup of this running client is made (mksysb). */
    readonly fromClient?: string;
    /** Content of the file, where Hostler writes it (bosinst_data, resolv_conf, script). */
    readonly content?: string;
    /** Edit this file of the master instead, `KEY` to value, and fall back on `content` when it is not there. */
    readonly template?: { readonly path: string; readonly values: Readonly<Record<string, string>> };
  };
}

export interface NimImageSpec {
  readonly image: string;
  readonly base: string;
  /** What `nim_master_setup -a device=` is given when NIM is not set up. */
  readonly device: string;
  /** In the order in which they are made. */
  readonly resources: readonly NimResourceSpec[];
  /** Copy this SPOT (`cpcosi`) to the image's own. */
  readonly copySpot?: { readonly from: string; readonly to: string; readonly parent: string };
  /** Pass nfs_vers=4 to every definition, in this NFS domain. */
  readonly nfsDomain?: string;
}

export interface NimImageResult {
  /** type to name, for the osimage. */
  readonly resources: Readonly<Record<string, string>>;
  /** Lines for the user: what was set up, made, or found and used. */
  readonly lines: readonly string[];
  readonly [key: string]: Json;
}
