import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Facts } from '../../shared/task/facts.ts';
import { disksOf } from './disks.ts';
import { emulates } from './emulates.ts';
import { bootRecord, installedDigest, notesOf } from './image.ts';
import { nicsOf } from './nics.ts';
import { bootIdOf, machineFacts, osFacts } from './system.ts';
import { toolsFound } from './tools.ts';

export interface FactsOptions {
  /** The agent's home; what the tools said is remembered in its `cache/`. */
  readonly home: string;
  /** Where the machine's own files are looked for; tests give a folder of theirs. */
  readonly root?: string;
  /** Where this agent's store answers. */
  readonly store?: readonly string[];
  /** False: tools are not looked for (a node that boots has no use for it and no time). */
  readonly tools?: boolean;
}

/** What this machine is and can do, now. Never fails: what cannot be found out is empty. */
export async function collectFacts(options: FactsOptions): Promise<Facts> {
  const root = options.root ?? '/';
  const cache = join(options.home, 'cache');
  if (options.tools !== false) await mkdir(cache, { recursive: true, mode: 0o700 }).catch(() => undefined);
  const image = bootRecord(root);
  const digest = image?.digest ?? installedDigest(root);
  const notes = notesOf(root);
  return {
    ...machineFacts(root),
    os: osFacts(root),
    bootId: bootIdOf(root),
    disks: disksOf(root),
    nics: nicsOf(root),
    tools: options.tools === false ? {} : await toolsFound(join(cache, 'tools.json')),
    emulates: emulates(root),
    ...(digest !== undefined && { imageDigest: digest }),
    ...(options.store !== undefined && { store: options.store }),
    ...(Object.keys(notes).length > 0 && { notes }),
  };
}
