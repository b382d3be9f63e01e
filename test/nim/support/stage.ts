import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMaster, type NimMaster } from '../master.ts';

export interface Said {
  readonly exit: number | null;
  readonly out: string;
  readonly err: string;
}

/** One stand-in and its command line, for tests of the stand-in itself. */
export interface Stage extends NimMaster {
  /** Words are separated by single blanks; a word in `'...'` may hold more of them. */
  run(line: string, env?: Readonly<Record<string, string>>): Promise<Said>;
  /** As `run`, for the calls that must go well; returns what went to standard output. */
  well(...lines: readonly string[]): Promise<string>;
  /** Begins a call and leaves it running. */
  begin(line: string): { readonly process: ChildProcess; readonly ended: Promise<Said> };
  file(name: string, content?: string): string;
  read(name: string): string;
  /** Makes the file resources, lpp_source and SPOT `spot1` that a test wants to go on from. */
  images(): Promise<void>;
  close(): void;
}

/** A configured master unless told otherwise. `root` may hold several side by side. */
export async function stage(options: { bare?: boolean; name?: string; root?: string } = {}): Promise<Stage> {
  const root = options.root ?? mkdtempSync(join(tmpdir(), 'hostler-nim-stage-'));
  const master = await createMaster(join(root, options.name ?? 'master'), { df: true });
  const begin: Stage['begin'] = (line) => {
    const [program = '', ...args] = wordsOf(line);
    const child = spawn(join(master.bin, program), args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, LC_ALL: 'C' },
    });
    return { process: child, ended: heard(child) };
  };
  const run: Stage['run'] = (line, env = {}) => {
    const [program = '', ...args] = wordsOf(line);
    const stdio = ['ignore', 'pipe', 'pipe'] as const;
    return heard(
      spawn(join(master.bin, program), args, { stdio: [...stdio], env: { ...process.env, LC_ALL: 'C', ...env } }),
    );
  };
  const one: Stage = {
    ...master,
    run,
    begin,
    async well(...lines) {
      let out = '';
      for (const line of lines) {
        const said = await run(line);
        if (said.exit !== 0) throw new Error(`${line}: exit ${String(said.exit)}: ${said.err}`);
        out += said.out;
      }
      return out;
    },
    file(name, content = name) {
      const path = join(root, name);
      mkdirSync(join(path, '..'), { recursive: true });
      writeFileSync(path, content);
      return path;
    },
    read: (name) => readFileSync(join(master.dir, name), 'utf8'),
    async images() {
      const media = join(one.file('media/bos.rte'), '..');
      mkdirSync(join(root, 'spot'), { recursive: true });
      await one.well(
        `nim -o define -t lpp_source -a server=master -a location=${root}/lpp1 -a source=${media} lpp1`,
        `nim -o define -t spot -a server=master -a location=${root}/spot -a source=lpp1 spot1`,
      );
    },
    close() {
      rmSync(root, { recursive: true, force: true });
    },
  };
  if (options.bare !== true) await one.well('nimconfig -a pif_name=en0 -a netname=lan');
  return one;
}

/** A standalone, or another machine, as `nim -o define` wants it. */
export function machine(name: string, type = 'standalone'): string {
  return `nim -o define -t ${type} -a 'if1=lan ${name} 001122334455' -a cable_type1=N/A ${name}`;
}

function wordsOf(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, held, bare]) => held ?? bare ?? '');
}

function heard(child: ChildProcess): Promise<Said> {
  let out = '';
  let err = '';
  child.stdout?.on('data', (text: Buffer) => (out += text.toString()));
  child.stderr?.on('data', (text: Buffer) => (err += text.toString()));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exit) => {
      resolve({ exit, out, err });
    });
  });
}
