/**
 * What a boot server signs for one boot that it served. The manager delegates this by the role `boot` in the server's
 * certificate: the signature is by that certificate's own key (ECDSA P-256, SHA-256, DER).
 * On the wire: base64url(JSON of this) + "." + base64url(signature over the first part).
 */
export interface BootTokenPayload {
  readonly node: string;
  readonly mac: string;
  /** The kernel's boot id of the machine that claimed the token. */
  readonly bootId: string;
  /** Agent name of the boot server. */
  readonly server: string;
  /** Unique for ever: 32 hexadecimal digits. */
  readonly id: string;
  /** Milliseconds since the epoch, the boot server's clock. */
  readonly issuedAt: number;
  readonly expiresAt: number;
}

/** Seconds that a boot token lives. */
export const bootTokenSeconds = 600;

/** POST on the boot server's HTTPS port, JSON in and out. */
export const claimPath = '/claim';
export interface ClaimRequest {
  readonly mac: string;
  readonly bootId: string;
}
export interface ClaimReply {
  readonly node: string;
  readonly token: string;
  /** HOST:PORT of the manager, for enrolment and link. */
  readonly manager: string;
}

/** Words on the kernel command line: addresses, the authority's fingerprint and the image digest; nothing secret. */
export const kernelWords = {
  /** Boot server: `http://ADDRESS:PORT` */
  server: 'hostler.server',
  /** Boot server, TLS: `https://ADDRESS:PORT` */
  secure: 'hostler.secure',
  /** sha256 of the authority certificate. */
  authority: 'hostler.ca',
  /** sha256 of the image file; fetched from `<server>/blobs/<digest>`. */
  image: 'hostler.image',
  node: 'hostler.node',
} as const;
