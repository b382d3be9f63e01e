/** Content by digest: files move between agents as these, over HTTPS from (or to) an agent with the store role. */
export interface BlobRef {
  /** sha256 in lower-case hexadecimal. */
  readonly digest: string;
  readonly bytes: number;
}

/**
 * How to reach a store: tried in this order. `unix:PATH` is the store's own socket (TLS all the same), for agents on
 * the same machine; `https://HOST:PORT` otherwise. The server proves by its certificate that it is `agent`.
 */
export interface StoreAccess {
  readonly agent: string;
  readonly endpoints: readonly string[];
}

/** Paths on a store's HTTPS server. GET takes ranges; PUT takes Content-Range and HEAD says how much is there. */
export const storePaths = {
  blob: (digest: string): string => `/blobs/${digest}`,
  postscript: (name: string): string => `/postscripts/${name}`,
} as const;
