import type { Json } from '../verb/effect.ts';
import type { BlobRef, StoreAccess } from './blob.ts';

export const imageTestKind = 'image-test';
export const imageTestVersion = 1;

/** Boots a version in a virtual machine that reaches nothing and nobody but the task. */
export interface ImageTestSpec {
  /** `<osimage>@<digest>`; names the console's file. */
  readonly version: string;
  /** xCAT's word. */
  readonly arch: string;
  readonly method: string;
  readonly kernel: BlobRef;
  readonly initrd: BlobRef;
  readonly root: BlobRef;
  /** sha256 of the manifest, and the manager's signature; empty where there is none. */
  readonly manifest: string;
  readonly signature: string;
  /** Where the files are, when this agent has them not. */
  readonly from: StoreAccess;
  /** Text of a script for /bin/sh in the booted image; empty: no unit of systemd may have failed. */
  readonly health: string;
  /** What osimage.addkcmdline adds. */
  readonly words: string;
  readonly timeoutSeconds: number;
}

export interface ImageTestResult {
  /** Seconds from the start of the machine. */
  readonly helloSeconds: number;
  readonly seconds: number;
  readonly kernel: string;
  /** What the health script printed, its end. */
  readonly output: string;
  /** File on the agent's machine that holds the console. */
  readonly console: string;
  readonly accelerator: string;
  readonly [key: string]: Json;
}

/** Kernel word: where the agent of an image that is tested says hello. */
export const imageTestWord = 'hostler.test';

/** What the agent asks and says at that address, plain HTTP. */
export const imageTestPaths = {
  /** POST ImageHello; the answer is the health script. */
  hello: '/hello',
  /** POST ImageHealth. */
  health: '/health',
} as const;

export interface ImageHello {
  readonly version: string;
  readonly kernel: string;
  readonly imageDigest: string;
  readonly taskKinds: readonly string[];
}

export interface ImageHealth {
  readonly exit: number;
  readonly output: string;
}

/** For an image whose test names no script of its own. */
export const usualHealthScript = `state=$(systemctl is-system-running --wait 2>&1)
echo "systemd says: $state"
failed=$(systemctl list-units --state=failed --plain --no-legend)
[ -z "$failed" ] || { echo "failed units:"; echo "$failed"; exit 1; }
`;
