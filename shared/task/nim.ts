import type { Json } from '../verb/effect.ts';
import type { ScriptCall } from './scripts.ts';

/** Task kinds of the role `nim`. Specs are complete: the agent decides nothing about names and places. */
export const nimKinds = {
  image: 'nim-image',
  removeImage: 'nim-image-remove',
  updateImage: 'nim-image-update',
  clients: 'nim-clients',
  groups: 'nim-groups',
  networks: 'nim-networks',
  show: 'nim-show',
  check: 'nim-check',
  describe: 'nim-describe',
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
    /** The files come from this other master first, by rsync over ssh; the definition takes them as they are. */
    readonly copyFrom?: string;
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
  /** The master's NFSv4 domain; the definitions carry nfs_vers=4 by themselves. */
  readonly nfsDomain?: string;
  /** The SPOT is made ready for its nodes before roots are made from it. */
  readonly spotSetup?: NimSpotSetup;
}

/** What a SPOT must hold so that the diskless and dataless nodes of it run postscripts. */
export interface NimSpotSetup {
  readonly spot: string;
  /** `<install>/postscripts` of the master, from where nodes take their scripts. */
  readonly postscripts: string;
  /** Where nodes look when nothing on them names their master. */
  readonly master: string;
  readonly rootPassword: NimPassword;
}

/** A plain password, or what crypt made of it; empty: none is set. Travels as a secret reference. */
export interface NimPassword {
  readonly value: string;
  /** As in the table passwd: not empty when `value` is crypted already. */
  readonly cryptmethod: string;
}

export interface NimImageResult {
  /** type to name, for the osimage. */
  readonly resources: Readonly<Record<string, string>>;
  /** Lines for the user: what was set up, made, or found and used. */
  readonly lines: readonly string[];
  readonly [key: string]: Json;
}

/** One machine as NIM is to know it. */
export interface NimClientSpec {
  readonly node: string;
  /** NIM's name for it: the short host name, or `<node>_<image>`. */
  readonly name: string;
  readonly type: 'standalone' | 'diskless' | 'dataless';
  /** Given to `nim -o define`, interfaces (`if1` ...) included. */
  readonly define: NimPairs;
  /** Given to the operation of the action. */
  readonly attributes: NimPairs;
}

export interface NimClientsSpec {
  /**
   * define, change, remove: the machine's definition (xcat2nim). install: bos_inst. diskless: dkls_init or dtls_init.
   * undiskless: reset, deallocate, remove. customize: cust.
   */
  readonly action: 'define' | 'change' | 'remove' | 'install' | 'diskless' | 'undiskless' | 'customize';
  readonly clients: readonly NimClientSpec[];
  /** Reset and take resources back first where the machine is not ready; define again where it exists. */
  readonly force: boolean;
  /** For remove and undiskless of a machine that runs: refuse, shut it down, or leave it running. */
  readonly running: 'refuse' | 'shutdown' | 'leave';
  /** Networks of further interfaces, by names that `if2` ... of the clients begin with. */
  readonly networks?: NimNetworksSpec['networks'];
  /** Must be there and ready before any machine is touched (resolv_conf, script ...). */
  readonly resources: readonly NimResourceSpec[];
  /** SPOTs whose shared_root is refreshed first, where nobody uses it. */
  readonly syncRoots: readonly { readonly spot: string; readonly sharedRoot: string }[];
  readonly prescripts: readonly NimPrescripts[];
  /** The word for the scripts' ACTION: standalone, diskless, remove. */
  readonly scriptAction: string;
  /** What the nodes themselves run at their first boot; placed before any machine is touched. */
  readonly postscripts?: NimPostscripts;
  /** SPOTs that are made ready first, where nobody uses them. */
  readonly spotSetups?: readonly NimSpotSetup[];
  /** Handed to machines that were installed, when they register. */
  readonly rootPassword?: NimPassword;
}

export interface NimPostscripts {
  /** `<install>/postscripts` of the master, from where nodes take them by NFS. */
  readonly folder: string;
  /** Environment that all of the nodes have alike. */
  readonly environment: Readonly<Record<string, string>>;
  readonly nodes: readonly {
    /** NIM's name: by that the node finds its list. */
    readonly name: string;
    readonly environment: Readonly<Record<string, string>>;
    readonly scripts: readonly ScriptCall[];
    /** The node's name in the registry, and the address that it has: reports come from there alone. Empty: none. */
    readonly node: string;
    readonly address: string;
    /** Where the node reaches the agent beside its master; empty: it does not report. */
    readonly reportTo: string;
  }[];
  /** The port of `reportTo`. */
  readonly reportPort: number;
}

export interface NimPrescripts {
  readonly when: 'begin' | 'end';
  /** Absolute paths on the install server, in order. */
  readonly scripts: readonly string[];
  readonly nodes: readonly string[];
}

export interface NimClientsResult {
  readonly done: readonly string[];
  /** node to the sentence that says why. */
  readonly failed: Readonly<Record<string, string>>;
  readonly lines: readonly string[];
  readonly [key: string]: Json;
}

export interface NimUpdateImageSpec {
  readonly image: string;
  readonly spot: string;
  /** Refreshed from the SPOT afterwards; empty: there is none. */
  readonly sharedRoot: string;
  /** Where the filesets come from; empty: nothing is installed. */
  readonly lppSource: string;
  readonly bundles: readonly string[];
  /** With NIM's prefixes where they have some (`I:`, `R:`, `E:`). */
  readonly filesets: readonly string[];
  readonly installpFlags: string;
  /** Files of the master that list files for the SPOT (synclists). */
  readonly synclists: readonly string[];
  /** Resources whose attributes change, in order. */
  readonly changes: readonly { readonly name: string; readonly attributes: NimPairs }[];
}

export interface NimRemoveImageSpec {
  readonly image: string;
  /** In the order of removal. */
  readonly resources: readonly { readonly type: string; readonly name: string }[];
  /** Delete files too, below `base` only. */
  readonly deleteFiles: boolean;
  readonly base: string;
}

export interface NimRemoveImageResult {
  readonly removed: readonly string[];
  readonly kept: readonly string[];
  readonly lines: readonly string[];
  readonly [key: string]: Json;
}

export interface NimGroupsSpec {
  readonly action: 'define' | 'remove';
  readonly groups: readonly { readonly name: string; readonly members: readonly string[] }[];
  readonly force: boolean;
}

export interface NimNetworksSpec {
  readonly networks: readonly {
    readonly name: string;
    readonly type: string;
    readonly net: string;
    readonly mask: string;
    readonly gateway: string;
    /** Host name of the master's own interface in this network; empty: it has none. */
    readonly masterHost: string;
  }[];
}

export interface NimShowSpec {
  /** Names; empty: everything. */
  readonly names: readonly string[];
  readonly long: boolean;
  /** A class or type to show. */
  readonly filter: string;
}

/** What a master has of resources, so that others can be given the same. */
export interface NimDescribeSpec {
  readonly names: readonly string[];
}

export interface NimDescribeResult {
  readonly resources: readonly {
    readonly type: string;
    readonly name: string;
    readonly location: string;
    readonly ready: boolean;
    /** Of a shared_root: the SPOT that it was made from. */
    readonly spot: string;
    /** Some machine uses it. */
    readonly allocated: boolean;
    readonly [key: string]: Json;
  }[];
  readonly [key: string]: Json;
}

export interface NimCheckSpec {
  /** Objects to look at; with their expected types and locations where known. */
  readonly resources: readonly { readonly type: string; readonly name: string; readonly location: string }[];
  /** Carry out the next step of the ladder for each broken one. */
  readonly recover: boolean;
  /** Software that an image names, to be found in its lpp_source. `clean`: older files of an RPM go. */
  readonly packages?: {
    readonly lppSource: string;
    readonly names: readonly string[];
    readonly bundles: readonly string[];
    readonly clean: boolean;
  };
  /** NIM names of clients whose nimsh shall speak SSL; given: only they are looked at. */
  readonly ssl?: readonly string[];
}
