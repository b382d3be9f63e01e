import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../shared/process/run.ts';
import { which } from '../../shared/process/which.ts';

/** libfaketime as the package `faketime` brings it; undefined where it is not. */
export async function fakeTimeLibrary(): Promise<string | undefined> {
  if (which('faketime') === undefined || which('dpkg') === undefined) return undefined;
  const { stdout } = await run('dpkg', ['-L', 'libfaketime'], { allowExit: 'any' });
  return stdout.split('\n').find((line) => line.endsWith('/libfaketimeMT.so.1'));
}

/**
 * An environment for image tasks whose programs, and the scripts of packages inside of trees at `seenAt`, live so many days
 * later than this machine (0: today, by the same means): what mmdebstrap, apt, dpkg, postinstall scripts and mksquashfs are told of the time, and the
 * times that they give to files. The task itself and the kernel stay today. A postinstall script that wants it for the
 * programs of the image too copies `$LATER_LIBRARY` to `tmp/later.so` there.
 */
export function laterBy(days: number, folder: string, library: string, seenAt: string): Record<string, string> {
  const bin = join(folder, 'bin');
  mkdirSync(bin, { recursive: true });
  // The library has to be found on this machine, in the tree that mmdebstrap makes, and in the /tmp that a stage mounts.
  const libraries = [library, '/later/later.so', '/tmp/later.so'];
  const wrap = (name: string, lines: readonly string[], call = '"$@"'): void => {
    const told = [
      `export FAKETIME=+${days}d NO_FAKE_STAT=1 FAKE_UTIME=0 DONT_FAKE_MONOTONIC=1 LATER_LIBRARY=${library}`,
      `export LD_PRELOAD="${libraries.join(' ')}"`,
    ];
    const file = join(bin, name);
    writeFileSync(file, ['#!/bin/sh', ...lines, ...told, `exec ${which(name) ?? name} ${call}`, ''].join('\n'));
    chmodSync(file, 0o755);
  };
  // Every program that works in a tree is begun with it.
  const bring = `mountpoint -q ${seenAt}/tmp && cp ${library} ${seenAt}/tmp/later.so`;
  wrap('setpriv', [`for word; do case $word in --mount=/proc/*) nsenter "$word" -- sh -c '${bring}' ;; esac; done`]);
  // usrmerge takes what programs load to another place, unless it lies behind a link.
  const into = `mkdir "$1/usr/later" && cp ${library} "$1/usr/later/later.so" && ln -s usr/later "$1/later"`;
  const hooks = [`--extract-hook='${into}'`, `--customize-hook='rm -r "$1/later" "$1/usr/later"'`];
  wrap('mmdebstrap', [], `${hooks.join(' ')} "$@"`);
  wrap('mksquashfs', []);
  return { PATH: `${bin}:${process.env['PATH'] ?? ''}` };
}
