import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { which } from '../../../shared/process/which.ts';

/** What a shell line on the master may use: POSIX utilities, none of them GNU's where there is a choice. */
const utilities = [
  ...[
    'cat',
    'chmod',
    'cp',
    'df',
    'du',
    'echo',
    'env',
    'false',
    'find',
    'grep',
    'kill',
    'ls',
    'mkdir',
    'mv',
    'printf',
    'ps',
    'rm',
    'sed',
  ],
  ...['sleep', 'tail', 'tee', 'test', 'true', 'who'],
];

/** How the next connections go: well; lost before the line arrives; lost while it runs; lost when it has ended. */
export type Cut = 'none' | 'before' | 'during' | 'after';

export interface Remote {
  /** Goes to the front of the PATH of whoever calls `ssh`. */
  readonly bin: string;
  /** PATH of the other side: mksh as sh, and `utilities`. */
  readonly path: string;
  cut(...how: readonly Cut[]): void;
  /** Arguments of every call, the line last. */
  calls(): string[][];
}

/**
 * A program `ssh` that is no network: it notes its arguments and gives the line to mksh, as sshd would to root's shell,
 * with an environment of its own. `extra` folders (a NIM stand-in's) are searched first on the other side.
 */
export function remote(dir: string, extra: readonly string[] = []): Remote {
  const bin = join(dir, 'ssh-bin');
  const posix = join(dir, 'posix');
  const state = join(dir, 'ssh-state');
  for (const folder of [bin, posix, state]) mkdirSync(folder, { recursive: true });
  const shell = need('mksh');
  const busybox = which('busybox');
  symlinkSync(shell, join(posix, 'sh'));
  // For the stand-in of the NIM programs only.
  symlinkSync(process.execPath, join(posix, 'node'));
  for (const name of utilities) symlinkSync(busybox ?? need(name), join(posix, name));
  const path = [...extra, posix].join(':');
  // The outer script runs here and may use what is here; the line runs with the other side's PATH only.
  const script = `#!/bin/sh
state=${state}
n=$(($(cat $state/count 2>/dev/null || echo 0) + 1))
echo $n >$state/count
printf '%s\\0' "$@" >$state/call.$n
for line; do :; done
how=$(head -n 1 $state/cuts 2>/dev/null)
[ -n "$how" ] && sed -i 1d $state/cuts
cd /
over() { env -i HOME=/ PATH=${path} ${shell} -c "$line"; }
lost() { echo 'client_loop: send disconnect: Broken pipe' >&2; exit 255; }
case $how in
before) lost ;;
during) cat >$state/input.$n; over <$state/input.$n >/dev/null 2>&1 & lost ;;
after) over >/dev/null 2>&1; lost ;;
*) over ;;
esac
`;
  writeFileSync(join(bin, 'ssh'), script);
  chmodSync(join(bin, 'ssh'), 0o755);
  return {
    bin,
    path,
    cut(...how) {
      writeFileSync(join(state, 'cuts'), how.map((one) => `${one}\n`).join(''));
    },
    calls() {
      const count = existsSync(join(state, 'count')) ? Number(readFileSync(join(state, 'count'), 'utf8')) : 0;
      return Array.from({ length: count }, (_, index) =>
        readFileSync(join(state, `call.${String(index + 1)}`), 'utf8')
          .split('\0')
          .slice(0, -1),
      );
    },
  };
}

function need(program: string): string {
  const found = which(program);
  if (found === undefined) throw new Error(`The program ${program} is not there: apt-get install ${program}`);
  return found;
}
