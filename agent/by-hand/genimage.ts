import { setMaxListeners } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { HostlerError } from '../../shared/errors/error.ts';
import { endChildren, taskDirVariable } from '../../shared/process/children.ts';
import type { ImageBuildResult } from '../../shared/task/image-build.ts';
import { imageBuild } from '../tasks/image-build/kind.ts';
import { agentProgram } from '../tasks/image-tree/program.ts';
import type { TaskContext } from '../tasks/types.ts';
import { readLine, usage } from './arguments.ts';
import type { BuildByHand } from './arguments.ts';

/**
 * `share/netboot/<family>/genimage`: what `genimage --dryrun` prints, run by hand where nothing else of Hostler runs. The
 * same task as an agent's, so the same tree comes of it, which packimage on the manager takes. Resolves with the exit code.
 */
export async function genimageByHand(argv: readonly string[]): Promise<number> {
  let dir: string | undefined;
  try {
    const asked = readLine(argv);
    if (asked === undefined) {
      process.stdout.write(usage);
      return 0;
    }
    for (const option of asked.idle) say(`Warning: ${option} has no effect here.`);
    // This program lies in the share folder, beside the lists.
    process.env['HOSTLER_SHARE'] ??= dirname(agentProgram());
    dir = await workFolder(asked.home);
    process.env[taskDirVariable] = dir;
    const result = (await imageBuild.run(contextOf(asked, dir))) as unknown as ImageBuildResult;
    const seconds = result.stages.reduce((sum, stage) => sum + stage.seconds, 0);
    const { rootimgdir, image } = asked.spec;
    process.stdout.write(
      'the initial ramdisk for stateless is generated successfully.\n' +
        `${rootimgdir}/rootimg: ${result.packages} packages, kernel ${result.kernelver} (${seconds.toFixed(0)} s).\n` +
        `Bring ${rootimgdir} to the manager, then there: packimage ${image}\n`,
    );
    return 0;
  } catch (thrown) {
    const error = HostlerError.from(thrown);
    say(`Error: ${error.message}`);
    return error.code === 'cancelled' ? 130 : 1;
  } finally {
    if (dir !== undefined) {
      await endChildren(dir);
      await rm(dir, { recursive: true, force: true });
    }
  }
}

async function workFolder(home: string): Promise<string> {
  try {
    await mkdir(home, { recursive: true, mode: 0o700 });
    return await mkdtemp(join(home, 'by-hand-'));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new HostlerError(
      'failed_precondition',
      `${home} cannot be used for caches: ${why}. Building an image needs root; --home names another folder.`,
      { cause },
    );
  }
}

function contextOf(asked: BuildByHand, dir: string): TaskContext {
  const { home, installDir, spec } = asked;
  const told = new Set<string>();
  return {
    ...{ home, installDir, dir, tftpDir: '/tftpboot', id: 'by-hand', correlation: '' },
    spec: { ...spec },
    signal: stopSignal(),
    log: (line) => void process.stdout.write(`${line}\n`),
    progress: (stage, text) => {
      // One line a step: how far it is would need a terminal, and this often runs without one.
      if (told.has(`${stage} ${text}`)) return;
      told.add(`${stage} ${text}`);
      if (process.stderr.isTTY) say(`[${stage}] ${text}`);
    },
  };
}

/** The first Ctrl-C lets the build take away what it has begun; a second one does not wait. */
function stopSignal(): AbortSignal {
  const stop = new AbortController();
  setMaxListeners(0, stop.signal);
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (stop.signal.aborted) process.exit(130);
      stop.abort(new HostlerError('cancelled', `The build was stopped (${name}); an earlier tree is as it was.`));
    });
  }
  return stop.signal;
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
