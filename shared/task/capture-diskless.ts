import type { Json } from '../verb/effect.ts';
import type { CaptureMount } from './capture.ts';
import type { ImageBuildSpec } from './image-build.ts';

export const captureDisklessKind = 'capture-diskless';
export const captureDisklessVersion = 1;

/**
 * Makes the tree, kernel and initrd of a stateless image of a running machine, where genimage would make them of
 * packages. On an agent with the roles store (the machine's file systems come to it) and build.
 */
export interface CaptureDisklessSpec {
  readonly agent: string;
  readonly ticket: string;
  readonly mounts: readonly CaptureMount[];
  /** The lists of packages are empty: nothing is installed. */
  readonly build: ImageBuildSpec;
  /** Folders below the install folder where `<profile>[.<osvers>][.<arch>].imgcapture.exlist` is looked for, in order. */
  readonly lists: readonly string[];
}

export interface CaptureDisklessResult {
  readonly kernelver: string;
  readonly packages: number;
  readonly bytes: number;
  /** That came over the line. */
  readonly received: number;
  /** The exclude list that was used; empty: none was there. */
  readonly exlist: string;
  readonly [key: string]: Json;
}
