import { build } from 'esbuild';
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Behaviour } from './stand-in/state.ts';

const programs = [
  'nim',
  'lsnim',
  'nim_master_setup',
  'nimconfig',
  'nimquery',
  'cpcosi',
  'inutoc',
  'chnfsdom',
  'lssrc',
  'startsrc',
  'stopsrc',
  'refresh',
  'mkitab',
  'lsitab',
  'rmitab',
  'chfs',
  'lslpp',
  'oslevel',
  'niminit',
  'nimclient',
  'installp',
  'emgr',
  'rpm',
  'nim-client',
];

export interface NimMaster {
  readonly dir: string;
  /** Goes to the front of the PATH of whoever runs NIM commands. */
  readonly bin: string;
  /** Switches what the facts leave open, or what is to go wrong. */
  set(change: Partial<Behaviour>): void;
  /** How long all programs ran together, from their first instruction on. */
  seconds(): number;
  calls(): { program: string; argv: string[]; locale: string; pid: number; at: number }[];
}

/** Makes one stand-in for a NIM master below `dir`. `df` is given only when asked for: it shadows the machine's own. */
export async function createMaster(dir: string, options: { df?: boolean } = {}): Promise<NimMaster> {
  const bin = join(dir, 'bin');
  const state = join(dir, 'state');
  for (const folder of [bin, state, join(dir, 'etc'), join(dir, 'tftpboot')]) mkdirSync(folder, { recursive: true });
  const program = join(state, 'stand-in.mjs');
  writeFileSync(program, await bundled());
  chmodSync(program, 0o755);
  for (const name of [...programs, ...(options.df === true ? ['df'] : [])]) symlinkSync(program, join(bin, name));
  const file = join(state, 'behaviour.json');
  return {
    dir,
    bin,
    set(change) {
      const before = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Partial<Behaviour>) : {};
      writeFileSync(file, JSON.stringify({ ...before, ...change }));
    },
    seconds() {
      const ends = join(state, 'seconds');
      if (!existsSync(ends)) return 0;
      const each = readFileSync(ends, 'utf8').trim().split('\n').map(Number);
      return each.reduce((sum, seconds) => sum + seconds, 0);
    },
    calls() {
      const calls = join(state, 'calls.ndjson');
      if (!existsSync(calls)) return [];
      return readFileSync(calls, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as ReturnType<NimMaster['calls']>[number]);
    },
  };
}

let bundle: Promise<string> | undefined;

/** The text of the program; built once for all masters of a test file. */
function bundled(): Promise<string> {
  bundle ??= (async () => {
    const { outputFiles } = await build({
      entryPoints: [resolve(import.meta.dirname, 'stand-in/main.ts')],
      bundle: true,
      write: false,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      banner: { js: '#!/usr/bin/env node' },
      logLevel: 'error',
    });
    return outputFiles[0]?.text ?? '';
  })();
  return bundle;
}
