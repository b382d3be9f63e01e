export const filesKind = 'files';
export const filesVersion = 1;

/** Places rendered files on a machine: all of them are checked first, then each is replaced whole. */
export interface FilesSpec {
  readonly files: readonly FileToPlace[];
  /** systemd units that read them anew afterwards, where they run. */
  readonly reload: readonly ReloadedUnit[];
}

export type FileToPlace = WholeFile | HostsEdit | KnownHostsEdit;

/** A file that is ours alone. An earlier one that is not ours is kept once as `PATH.before-hostler`. */
export interface WholeFile {
  readonly path: string;
  readonly content: string;
  /** Permission bits; at most 0644. */
  readonly mode: number;
  /** Which program says whether the content is right. Where that program is not installed the log says so. */
  readonly check?: FileCheck;
}

/** A change of our own block of a hosts file; the lines around it stay as they are. */
export interface HostsEdit {
  readonly path: string;
  readonly hosts: HostsChange;
}

/** A change of a known_hosts file of ssh; lines about other hosts stay as they are. */
export interface KnownHostsEdit {
  readonly path: string;
  readonly knownHosts: KnownHostsChange;
}

export interface KnownHostsChange {
  /** Names and addresses whose lines go. */
  readonly forget: readonly string[];
  /** Hosts that are asked for their keys (ssh-keyscan), each with all it is called. */
  readonly scan: readonly { readonly address: string; readonly names: readonly string[] }[];
}

export interface HostsChange {
  /** Everything that was in our block goes first. */
  readonly clear: boolean;
  /** Lines with one of these addresses, or with one of these as their first name, go. */
  readonly remove: readonly string[];
  /** Whole lines; each takes the place of those with its address or its first name. */
  readonly put: readonly string[];
}

export type FileCheck =
  | { readonly by: 'dnsmasq' | 'kea-dhcp4' | 'dhcpd' | 'named-checkconf' }
  | { readonly by: 'named-checkzone'; readonly zone: string };

export const reloadedUnits = ['dnsmasq', 'kea-dhcp4-server', 'isc-dhcp-server', 'named'] as const;
export type ReloadedUnit = (typeof reloadedUnits)[number];

export interface FilesResult {
  /** Paths whose content is another now. */
  readonly changed: readonly string[];
  /** Addresses that were asked for their host keys and gave none. */
  readonly silent?: readonly string[];
}
