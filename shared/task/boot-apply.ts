import type { BlobRef, StoreAccess } from './blob.ts';

export const bootApplyKind = 'boot-apply';
export const bootApplyVersion = 1;

/** What a boot server is to serve from now on; rendered by pure functions in the manager, placed atomically by the agent. */
export interface BootApplySpec {
  readonly service: BootServiceConfig;
  /** By node name; null takes the node's boot files and DHCP entry away. Nodes not named stay as they are. */
  readonly nodes: Readonly<Record<string, BootNode | null>>;
  /** Blobs that must be in the boot server's store before any file names them (fetched first where they are not). */
  readonly blobs: readonly BlobRef[];
  /** Where missing blobs come from; absent: a missing blob is an error. */
  readonly from?: StoreAccess;
  /** Nodes not named are taken away. */
  readonly allNodes: boolean;
}

export interface BootServiceConfig {
  /** Interfaces to serve on; nothing is listened on elsewhere. */
  readonly interfaces: readonly string[];
  /** The server's address on the provisioning network: what nodes are told. */
  readonly address: string;
  readonly httpPort: number;
  readonly httpsPort: number;
  readonly networks: readonly BootNetwork[];
  readonly domain: string;
  /** Where nodes reach the manager (HOST:PORT) for enrolment and their link. */
  readonly manager: string;
  /** sha256 of the manager's authority certificate (DER), lower-case hexadecimal. */
  readonly authority: string;
  /** Forwarders for DNS; empty: none. */
  readonly nameservers: readonly string[];
}

export interface BootNetwork {
  readonly name: string;
  readonly net: string;
  readonly mask: string;
  readonly gateway: string;
  /** `first-last`; addresses for machines nobody knows; empty: unknown machines get nothing. */
  readonly dynamicrange: string;
  readonly leaseSeconds: number;
}

export interface BootNode {
  readonly macs: readonly string[];
  readonly ip: string;
  readonly hostname: string;
  /** What nodeset shows: `netboot debian12-x86_64-compute`, `boot`, ... */
  readonly state: string;
  /** iPXE script for this node, complete. Fetched as /boot/<mac>.ipxe. */
  readonly ipxe: string;
  /** True when this node may claim one boot token for each boot that was served to it. */
  readonly authorise: boolean;
  /**
   * sha256 of what the node is to load, where it is to run an image. Exactly the files named by some node are handed
   * out over plain HTTP; whatever else the store holds is not.
   */
  readonly kernel?: string;
  readonly initrd?: string;
  readonly image?: string;
}

export interface BootApplyResult {
  readonly nodes: number;
}
