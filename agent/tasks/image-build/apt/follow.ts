import { processFailure } from '../../../../shared/process/failure.ts';
import { run } from '../../../../shared/process/run.ts';
import { buildEnvironment } from '../../image-tree/environment.ts';
import type { TaskContext } from '../../types.ts';
import { explainApt } from './explain.ts';
import type { AptFollower } from './progress.ts';

export interface AptCall {
  readonly program: string;
  readonly args: readonly string[];
  /** Besides what every program of a build gets. */
  readonly env: Readonly<Record<string, string>>;
  readonly follower: AptFollower;
  /** `The packages of X could not be installed`: begins the error. */
  readonly failed: string;
}

/** Runs mmdebstrap or apt: its lines go to the log, what they mean is progress, what it says of a failure the error. */
export async function followApt(
  { program, args, env, follower, failed }: AptCall,
  context: TaskContext,
): Promise<void> {
  try {
    await run(program, args, {
      signal: context.signal,
      keepBytes: 4 << 20,
      inheritEnv: false,
      env: buildEnvironment({ ...env, INITRD: 'No', DEBIAN_FRONTEND: 'noninteractive' }),
      onLine: (line) => {
        context.log(line);
        const progress = follower.line(line);
        if (progress === undefined) return;
        context.progress(progress.stage, progress.text, progress.done, progress.total, 'packages');
      },
    });
  } catch (error) {
    const failure = processFailure(error);
    if (failure === undefined) throw error;
    throw explainApt(`${failure.stdout}\n${failure.stderr}`, failed, error);
  }
}
