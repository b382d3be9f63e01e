import type { Json } from '../verb/effect.ts';
import type { StoreAccess } from './blob.ts';

export const scriptsKind = 'scripts';
export const scriptsVersion = 1;

/** Fetches postscripts over mutual TLS and runs them in order, as xCAT's runner does. */
export interface ScriptsSpec {
  readonly node: string;
  readonly store: StoreAccess;
  readonly postscripts: readonly ScriptCall[];
  readonly postbootscripts: readonly ScriptCall[];
  /** Exported to every script: NODE, MASTER, OSVER, ARCH, PROFILE, every site key upper-cased ... */
  readonly environment: Readonly<Record<string, string>>;
}

export interface ScriptCall {
  readonly name: string;
  readonly args: readonly string[];
  /** A default that not every cluster has: when the store has no such file it is left out, and that is no failure. */
  readonly optional?: boolean;
}

export interface ScriptsResult {
  readonly scripts: readonly {
    readonly name: string;
    readonly exit: number;
    readonly seconds: number;
    readonly [key: string]: Json;
  }[];
  readonly failed: number;
  readonly [key: string]: Json;
}
