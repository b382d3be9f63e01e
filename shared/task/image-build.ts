import type { Json } from '../verb/effect.ts';

export const imageBuildKind = 'image-build';
export const imageBuildVersion = 1;

/** Makes or refreshes `<rootimgdir>/rootimg`, kernel and initrd on a build host. What genimage asks. */
export interface ImageBuildSpec {
  readonly image: string;
  readonly osvers: string;
  /** Target architecture, xCAT's word. */
  readonly arch: string;
  readonly profile: string;
  /** Absolute. The tree becomes `<rootimgdir>/rootimg`. */
  readonly rootimgdir: string;
  /** Folder or repository addresses; empty: the machine's own package configuration. */
  readonly pkgdir: readonly string[];
  /** Files on the build host, in order. */
  readonly pkglist: readonly string[];
  readonly otherpkgdir: readonly string[];
  readonly otherpkglist: readonly string[];
  /** Each `script arg arg`. */
  readonly postinstall: readonly string[];
  readonly netdrivers: readonly string[];
  readonly kernelver: string;
  /** NAME=value pairs of osimage.environvar. */
  readonly environment: Readonly<Record<string, string>>;
  /** how the agent in the image behaves: once or stay. */
  readonly nodeagent: 'once' | 'stay';
  readonly onlyinitrd: boolean;
  readonly noupdate: boolean;
  /** Throw the tree away first. */
  readonly fresh: boolean;
  readonly addkcmdline: string;
}

export interface ImageBuildResult {
  readonly kernelver: string;
  readonly packages: number;
  /** Bytes of the tree. */
  readonly bytes: number;
  /** Seconds by stage, in order: bootstrap, packages, agent, configuration, postinstall, initrd. */
  readonly stages: readonly { readonly name: string; readonly seconds: number; readonly cached: boolean }[];
  readonly [key: string]: Json;
}
