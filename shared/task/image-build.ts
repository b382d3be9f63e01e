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
  /** Release of the kernel's package (osimage.krpmver). */
  readonly krpmver: string;
  /** Folder of further kernel packages; empty: none. */
  readonly kerneldir: string;
  /** Each `rpm:FILE`, `deb:FILE` or `dud:FILE`. */
  readonly driverupdatesrc: readonly string[];
  /** Take drivers of driverupdatesrc whatever kernel they are for. */
  readonly ignorekernelchk: boolean;
  /** Octal mode of /.statelite. */
  readonly permission: string;
  /** Network cards of the image that ask for an address: osimage.nodebootif, then osimage.otherifce. */
  readonly interfaces: readonly string[];
  /** Limits of the writable layer and of /tmp (`512m`, `2g`, `25%`); empty: none given. */
  readonly rootlimit: string;
  readonly tmplimit: string;
  /** What site.noderuntime.<arch> says; see shared/distro/node-runtime.ts. */
  readonly noderuntime: string;
  /**
   * genimage -o -a -p: lists that are not named are looked for by profile, release and architecture, on the build host.
   */
  readonly search: boolean;
  /** NAME=value pairs of osimage.environvar. */
  readonly environment: Readonly<Record<string, string>>;
  /** how the agent in the image behaves: once or stay. */
  readonly nodeagent: 'once' | 'stay';
  readonly onlyinitrd: boolean;
  readonly noupdate: boolean;
  /** Throw the tree away first. */
  readonly fresh: boolean;
  readonly addkcmdline: string;
  /** Bytes that stages of images may take on the build host (site.imagecachesize); 0 or absent: the usual limit. */
  readonly cacheBytes?: number;
}

export interface ImageBuildResult {
  readonly kernelver: string;
  readonly packages: number;
  /** Bytes of the tree. */
  readonly bytes: number;
  /** Seconds by stage, in order: bootstrap, packages, agent, configuration, postinstall, initrd. */
  readonly stages: readonly { readonly name: string; readonly seconds: number; readonly cached: boolean }[];
  /** With `search`: what was found, by osimage attribute; several files with commas. */
  readonly found?: Readonly<Record<string, string>>;
  readonly [key: string]: Json;
}
