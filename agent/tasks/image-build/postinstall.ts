import { access, constants, stat } from 'node:fs/promises';
import { HostlerError } from '../../../shared/errors/error.ts';
import { processFailure } from '../../../shared/process/failure.ts';
import { run } from '../../../shared/process/run.ts';
import { buildEnvironment } from '../image-tree/environment.ts';
import type { TaskContext } from '../types.ts';
import type { Build } from './spec.ts';
import type { TreeView } from './view.ts';

/** Seconds that one script may take, unless osimage.environvar says otherwise. */
const usualLimit = 3600;
const limitVariable = 'POSTINSTALL_TIMEOUT';

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
 * They see the tree being built at `<rootimgdir>/rootimg`; nobody else does.
 */
export async function runPostinstall(
  view: TreeView,
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
    IMG_ROOTIMGDIR: view.seenAt,
  });
  const calls = postinstallCalls(build.postinstall);
  const limit = Number(build.environment[limitVariable]) || usualLimit;
  for (const [index, { script, args }] of calls.entries()) {
    const last: string[] = [];
    context.progress('postinstall', `running ${script}`, index, calls.length, 'scripts');
    // Mounts that a script forgets (proc for a chroot) are gone with it.
    const { program, args: all } = view.enter(script, [view.seenAt, build.osvers, build.arch, build.profile, ...args]);
    try {
      await run(program, all, {
        env,
        inheritEnv: false,
        signal: context.signal,
        endGroup: true,
        timeoutMs: limit * 1000,
        onLine: (line) => {
          last.push(line);
          if (last.length > 10) last.shift();
          context.log(`${script}: ${line}`);
        },
      });
    } catch (error) {
      const failure = processFailure(error);
      if (error instanceof HostlerError && error.code === 'deadline_exceeded' && !context.signal.aborted) {
        throw new HostlerError(
          'deadline_exceeded',
          [
            `postinstall script ${script} did not end within ${limit} s and was stopped. Longer is allowed by ${limitVariable}=SECONDS in the osimage attribute environvar.`,
            ...(last.length > 0 ? ['Its last words:', ...last] : ['It had said nothing.']),
          ].join('\n'),
          { cause: error },
        );
      }
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
