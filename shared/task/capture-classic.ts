export const captureClassicKind = 'capture-classic';
export const captureClassicVersion = 1;

/**
 * On a golden client: serves a real si_getimage as si_prepareclient would, until that has all. Plain rsync, not encrypted,
 * as SystemImager has it: only when an administrator asks for it.
 */
export interface CaptureClassicSpec {
  /** IPv4 address of the image server: the only one that is answered. */
  readonly server: string;
  /** 873, where SystemImager looks. */
  readonly port: number;
}

export interface CaptureClassicResult {
  /** Address that was listened on. */
  readonly address: string;
  readonly connections: number;
}
