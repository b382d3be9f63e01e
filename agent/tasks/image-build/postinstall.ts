import { access, constants, stat } from 'node:fs/promises';
import { HostlerError } from '../../../shared/errors/error.ts';
import { processFailure } from '../../../shared/process/failure.ts';
import { run } from '../../../shared/process/run.ts';
import { confined } from '../image-tree/confined.ts';
import { buildEnvironment } from '../image-tree/environment.ts';
import type { TaskContext } from '../types.ts';
import type { Build } from './spec.ts';

/** One entry of osimage.postinstall: `script arg arg`. */
export interface PostinstallCall {
  readonly script: string;
  readonly args: readonly string[];
}

export function postinstallCalls(entries: readonly string[]): PostinstallCall[] {
  return entries.flatMap((entry) => {
    const [script, ...args] = entry.trim().split(/\s+/);
    return script === undefined || script === '' ? [] : [{ script, args }];
  });
}

/** Missing or not executable is said before anything is built. */
export async function requirePostinstall(calls: readonly PostinstallCall[]): Promise<void> {
  for (const { script } of calls) {
    const info = await stat(script).catch(() => undefined);
    if (info === undefined)
      throw new HostlerError('not_found', `The postinstall_filename specified '${script}' does not exist!`);
    const runs =
      info.isFile() &&
      (await access(script, constants.X_OK).then(
        () => (info.mode & 0o111) !== 0,
        () => false,
      ));
    if (!runs) throw new HostlerError('failed_precondition', `postinstall script ${script} is not executable`);
  }
}

/**
 * Runs the scripts on this machine (not inside the image) with xCAT's arguments and environment (facts section 9).
 * `root`: the tree being built, which becomes `<rootimgdir>/rootimg` later.
 */
export async function runPostinstall(
  root: string,
  kernelver: string,
  build: Build,
  context: TaskContext,
): Promise<void> {
  const env = buildEnvironment({
    ...build.environment,
    IMG_NAME: build.image,
    IMG_ARCH: build.arch,
    IMG_OSVER: build.osvers,
    IMG_KERNELVERSION: kernelver,
    IMG_PROFILE: build.profile,
    IMG_PKGLIST: build.pkglist.join(','),
    IMG_PKGDIR: build.pkgdir.join(','),
    IMG_OTHERPKGLIST: build.otherpkglist.join(','),
    IMG_OTHERPKGDIR: build.otherpkgdir.join(','),
    IMG_ROOTIMGDIR: root,
  });
  const calls = postinstallCalls(build.postinstall);
  for (const [index, { script, args }] of calls.entries()) {
    context.progress('postinstall', `running ${script}`, index, calls.length, 'scripts');
    // Mounts that a script forgets (proc for a chroot) must not stay on this machine.
    const { program, args: all } = confined(script, [root, build.osvers, build.arch, build.profile, ...args]);
    try {
      await run(program, all, {
        env,
        inheritEnv: false,
        signal: context.signal,
        endGroup: true,
        onLine: (line) => context.log(`${script}: ${line}`),
      });
    } catch (error) {
      const failure = processFailure(error);
      if (failure === undefined) throw error;
      const how =
        failure.exit === null ? `was ended by ${failure.endedBy ?? 'a signal'}` : `exited with ${failure.exit}`;
      const said = `${failure.stdout}\n${failure.stderr}`
        .split('\n')
        .filter((line) => line.trim() !== '')
        .slice(-10);
      throw new HostlerError(
        'failed_precondition',
        [`postinstall script ${script} failed: it ${how}.`, ...said].join('\n'),
        { cause: error },
      );
    }
  }
}
