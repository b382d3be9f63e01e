import type { Architecture } from '../../../shared/distro/architecture.ts';
import { HostlerError } from '../../../shared/errors/error.ts';
import { emulates } from '../../facts/emulates.ts';
import { archWord } from '../../facts/system.ts';

/** Throws `failed_precondition` at once, and says what to install, when programs of that architecture cannot run here. */
export function requireRunnable(architecture: Architecture, root = '/'): void {
  const own = archWord();
  if (architecture.name === own || emulates(root).includes(architecture.name)) return;
  throw new HostlerError(
    'failed_precondition',
    `This machine (${own}) cannot run programs of ${architecture.name}, which a build for it needs: no emulator ` +
      `${architecture.emulator} that works inside another root is registered with the kernel. ` +
      'Install qemu-user-static and binfmt-support here, or build on a machine of that architecture.',
  );
}
