import type { Layout } from '../layout/layout.ts';
import type { Json } from '../verb/effect.ts';
import type { StoreAccess } from './blob.ts';

export const captureDescribeKind = 'capture-describe';
export const captureSendKind = 'capture-send';
export const captureReceiveKind = 'capture-receive';
export const captureVersion = 1;

/** A file system of the golden client, as the capture sees it: by itself, without what is mounted on it. */
export interface CaptureMount {
  /** Where it belongs; `/` is the root. */
  readonly at: string;
  /** Where it can be read on the golden client: there, or where a snapshot of it is mounted. */
  readonly from: string;
}

/** What the golden client says of itself. Its task takes no specification. */
export interface CaptureDescription {
  readonly layout: Layout;
  readonly mounts: readonly CaptureMount[];
  /** What else is mounted. */
  readonly foreign: readonly string[];
  /** xCAT's words. */
  readonly osvers: string;
  readonly arch: string;
  readonly [key: string]: Json | Layout | readonly CaptureMount[];
}

/** On the golden client: lets the image server read, until it has all. */
export interface CaptureSendSpec {
  readonly ticket: string;
  readonly store: StoreAccess;
  readonly mounts: readonly CaptureMount[];
  /** The machine's own SystemImager prepares it and answers (site.sysclonemethod). */
  readonly method?: 'systemimager';
}

/** What a capture moved, over all passes; beside the ImagePackResult as `capture`. */
export interface Fetched {
  readonly files: number;
  /** That came over the line. */
  readonly bytes: number;
  /** Of the files of the machine. */
  readonly whole: number;
  readonly passes: number;
  /** False: something changed in every pass. */
  readonly quiet: boolean;
  /** The work tree that was there had edits that no version has, in these paths (the first few): it is kept there. */
  readonly edited?: { readonly paths: readonly string[]; readonly folder: string };
}

/** On the agent that keeps images. The result is an ImagePackResult (./image-pack.ts). */
export interface CaptureReceiveSpec {
  readonly image: string;
  /** Agent on the golden client. */
  readonly agent: string;
  readonly ticket: string;
  /** Absolute: where the tree is to be. */
  readonly tree: string;
  /** Absolute: where its disk layout is written. */
  readonly layoutFile: string;
  readonly layout: Layout;
  readonly mounts: readonly CaptureMount[];
  readonly osvers: string;
  readonly arch: string;
  readonly store: StoreAccess;
  readonly method?: 'systemimager';
  /** Mount points whose content is no disk's of that machine; with `method`, where one module holds all. */
  readonly foreign?: readonly string[];
}

/** Names one capture, and lets its golden client in: 32 hexadecimal digits, random. */
export function isTicket(text: string): boolean {
  return /^[0-9a-f]{32}$/.test(text);
}

/** Name of the n-th file system in the conversation of the two rsyncs. */
export function moduleOf(index: number): string {
  return `fs${index}`;
}
