import { HostlerError } from '../../../shared/errors/error.ts';
import { processFailure } from '../../../shared/process/failure.ts';

const saysSo = /No space left on device|ENOSPC|Disk quota exceeded|EDQUOT/;

/** Whatever failed because a disk is full, as one clear error; every other failure as it is. `kept`: what is still there. */
export async function explainingFullDisk<T>(what: string, kept: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const failure = processFailure(error);
    const said = failure === undefined ? '' : `${failure.stdout}\n${failure.stderr}`;
    if (error instanceof HostlerError && error.code === 'resource_exhausted') throw error;
    if (!saysSo.test(`${String(error)}\n${said}`)) throw error;
    throw new HostlerError(
      'resource_exhausted',
      `${what} was stopped because the disk is full (No space left on device). ${kept}`,
      {
        cause: error,
      },
    );
  }
}
