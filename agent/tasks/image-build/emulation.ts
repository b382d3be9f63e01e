import type { Architecture } from '../../../shared/distro/architecture.ts';
import { HostlerError } from '../../../shared/errors/error.ts';
import { which } from '../../../shared/process/which.ts';
import { emulates } from '../../facts/emulates.ts';
import { archWord } from '../../facts/system.ts';

/** Throws `failed_precondition` at once, and says what to do, when programs of that architecture cannot run here. */
export function requireRunnable(architecture: Architecture, root = '/'): void {
  const own = archWord();
  if (architecture.name === own || emulates(root).includes(architecture.name)) return;
  const { emulator } = architecture;
  const there = which(`${emulator}-static`) !== undefined || which(emulator) !== undefined;
  const todo = there
    ? `${emulator} is installed: make its registration known with "mount -t binfmt_misc none /proc/sys/fs/binfmt_misc" (unless it is mounted) and "update-binfmts --enable ${emulator}"`
    : 'Install qemu-user-static and binfmt-support here';
  throw new HostlerError(
    'failed_precondition',
    `This machine (${own}) cannot run programs of ${architecture.name}, which a build for it needs: no emulator ` +
      `${emulator} that works inside another root is registered with the kernel. ` +
      `${todo}, or build on a machine of that architecture.`,
  );
}
