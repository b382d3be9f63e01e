import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../shared/process/run.ts';
import { which } from '../../shared/process/which.ts';

const days = 400;

/** libfaketime as the package `faketime` brings it; undefined where it is not. */
export async function fakeTimeLibrary(): Promise<string | undefined> {
  if (which('faketime') === undefined || which('dpkg') === undefined) return undefined;
  const { stdout } = await run('dpkg', ['-L', 'libfaketime'], { allowExit: 'any' });
  return stdout.split('\n').find((line) => line.endsWith('/libfaketimeMT.so.1'));
}

/**
 * An environment for image tasks whose programs, and the scripts of packages inside of trees at `seenAt`, live 400 days
 * later than this machine: what mmdebstrap, apt, dpkg, postinstall scripts and mksquashfs are told of the time, and the
 * times that they give to files. The task itself and the kernel stay today.
 */
export function laterBy400Days(folder: string, library: string, seenAt: string): Record<string, string> {
  const bin = join(folder, 'bin');
  mkdirSync(bin, { recursive: true });
  const wrap = (name: string, lines: readonly string[], libraries: readonly string[]): void => {
    const file = join(bin, name);
    const told = [
      `export FAKETIME=+${days}d NO_FAKE_STAT=1 FAKE_UTIME=0 DONT_FAKE_MONOTONIC=1`,
      `export LD_PRELOAD="${libraries.join(' ')}"`,
    ];
    writeFileSync(file, ['#!/bin/sh', ...lines, ...told, `exec ${which(name) ?? name} "$@"`, ''].join('\n'));
    chmodSync(file, 0o755);
  };
  // Every program that works in a tree is begun with it. The library must be found in the tree too: there in the /tmp
  // that a stage mounts, or by way of process 1 of its name space.
  const inTree = `${seenAt}/tmp/later.so`;
  const bring = `mountpoint -q ${seenAt}/tmp && cp ${library} ${inTree}`;
  wrap(
    'setpriv',
    [`for word; do case $word in --mount=/proc/*) nsenter "$word" -- sh -c '${bring}' ;; esac; done`],
    [library, '/tmp/later.so', `/proc/1/root${library}`],
  );
  wrap('mksquashfs', [], [library]);
  return { PATH: `${bin}:${process.env['PATH'] ?? ''}` };
}
