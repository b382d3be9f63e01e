/**
 * What belongs to an image and must not lie in it, for everybody may fetch an image: password hashes, and files that not
 * everybody may read. Kept as a blob of its own; a boot server hands it to nodes whose boot it served, over mutual TLS,
 * before their services start.
 */
export interface NodeFiles {
  readonly format: 1;
  readonly files: readonly NodeFile[];
  /** By file (`/etc/shadow`, `/etc/gshadow`, `/etc/passwd`): name of the account to hash. */
  readonly hashes: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export interface NodeFile {
  /** Absolute. */
  readonly path: string;
  /** append: the content comes behind what the image has. */
  readonly how: 'replace' | 'append';
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since the epoch. */
  readonly time: number;
  readonly base64: string;
}

/** Path on a boot server's HTTPS port; the node is known by its certificate. */
export const nodeFilesPath = '/node-files';

/** Kernel word that says that there are such files. */
export const nodeFilesWord = 'hostler.files';

/** Bytes of all files of an image together. */
export const mostNodeFiles = 16 * 2 ** 20;
