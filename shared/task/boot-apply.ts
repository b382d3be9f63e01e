import type { BlobRef, StoreAccess } from './blob.ts';

export const bootApplyKind = 'boot-apply';
export const bootApplyVersion = 1;

/** What a boot server is to serve from now on; rendered by pure functions in the manager, placed atomically by the agent. */
export interface BootApplySpec {
  readonly service: BootServiceConfig;
  /** By node name; null takes the node's boot files and DHCP entry away. Nodes not named stay as they are. */
  readonly nodes: Readonly<Record<string, BootNode | null>>;
  /** By keys that mean something in this specification only. */
  readonly profiles: Readonly<Record<string, BootProfile>>;
  /** Blobs that must be in the boot server's store before any file names them (fetched first where they are not). */
  readonly blobs: readonly BlobRef[];
  /** Where missing blobs come from; absent: a missing blob is an error. */
  readonly from?: StoreAccess;
  /** Nodes not named are taken away. */
  readonly allNodes: boolean;
}

export interface BootServiceConfig {
  /** Interfaces to serve on; nothing is listened on elsewhere. HTTP answers at the networks' server addresses. */
  readonly interfaces: readonly string[];
  readonly httpPort: number;
  readonly httpsPort: number;
  readonly networks: readonly BootNetwork[];
  readonly domain: string;
  /** Where nodes reach the manager (HOST:PORT) for enrolment and their link; empty: no node may claim a token. */
  readonly manager: string;
  /** sha256 of the manager's authority certificate (DER), lower-case hexadecimal; empty where no node boots an image. */
  readonly authority: string;
  /** Forwarders for DNS; empty: none. */
  readonly nameservers: readonly string[];
  /** Of a service node: where it gets the postscripts that it does not have itself; absent: nowhere. */
  readonly postscripts?: StoreAccess;
}

export interface BootNetwork {
  readonly name: string;
  readonly net: string;
  readonly mask: string;
  /** This server's address on that network, or as relayed nodes see it: what nodes there are told. */
  readonly server: string;
  /** Empty: none. */
  readonly gateway: string;
  /** `first-last`; addresses for machines nobody knows; empty: unknown machines get nothing. */
  readonly dynamicrange: string;
  readonly leaseSeconds: number;
}

/** What one node is to get; small, since there are thousands of them in one task. */
export interface BootNode {
  readonly macs: readonly string[];
  readonly ip: string;
  readonly hostname: string;
  /** Key of `profiles`. */
  readonly profile: string;
  /** Of a node that is to be installed: names this one deploy. Once it was done the node is given its own disk. */
  readonly deploy?: string;
}

/** What many nodes have in common. */
export interface BootProfile {
  /** What nodeset shows: `netboot debian12-x86_64-compute`, `boot`, ... */
  readonly state: string;
  /** iPXE script, complete but for the node's name: `nodePlaceholder` stands for it. Fetched as /boot/<mac>.ipxe. */
  readonly ipxe: string;
  /** True when these nodes may claim one boot token for each boot that was served to them. */
  readonly authorise: boolean;
  /**
   * sha256 of what the node is to load, where it is to run an image. Exactly the files named by some profile in use
   * are handed out over plain HTTP; whatever else the store holds is not.
   */
  readonly kernel?: string;
  readonly initrd?: string;
  readonly image?: string;
  /** What must not lie in the image (./node-files.ts): handed to these nodes alone, by their certificates. */
  readonly files?: string;
  /** These nodes are to be installed. */
  readonly clone?: BootClone;
}

/** What nodes are installed from. The files are handed out over TLS only, to a machine with the token of its boot. */
export interface BootClone {
  /** sha256 and size of the packed tree. */
  readonly tree: string;
  readonly treeBytes: number;
  /** sha256 of the facts about it (shared/clone/facts.ts). */
  readonly facts: string;
  /** sha256 of the file of all overrides and scripts; absent: there are none. */
  readonly pieces?: string;
  readonly settings: CloneSettings;
}

/** What the nodes of a profile have in common; name, address and card are the node's own (shared/clone/node.ts). */
export interface CloneSettings {
  readonly domain: string;
  readonly bits: number;
  readonly gateway: string;
  readonly nameservers: readonly string[];
  readonly protect: readonly string[];
  readonly smaller: boolean;
  /** Of these nodes, the most important first. */
  readonly groups?: readonly string[];
  /** This boot server as nodes reach it: `http://ADDRESS:PORT`, and by TLS. */
  readonly server: string;
  readonly secure: string;
}

/** Stands in a profile's script for the name of the node. */
export const nodePlaceholder = '%{node}';

/** Stands in it for the name of the agent that serves it. */
export const agentPlaceholder = '%{agent}';

export interface BootApplyResult {
  readonly nodes: number;
}
