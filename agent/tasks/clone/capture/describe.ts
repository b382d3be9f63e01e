import { archWord, osFacts } from '../../../facts/system.ts';
import { captureDescribeKind, captureVersion } from '../../../../shared/task/capture.ts';
import { HostlerError } from '../../../../shared/errors/error.ts';
import { run } from '../../../../shared/process/run.ts';
import type { Json } from '../../../../shared/verb/effect.ts';
import type { TaskKind } from '../../types.ts';
import { layoutOf } from '../machine/layout-of.ts';
import { machineReport } from '../machine/report.ts';
import { foreignMounts } from '../sync/mounts.ts';

/** What is to be known of a golden client before it is fetched. Asks, and changes nothing. */
export const captureDescribe: TaskKind = {
  kind: captureDescribeKind,
  version: captureVersion,
  roles: ['golden', 'node'],
  run: async (context) => {
    const { osvers, arch } = { osvers: osversOf(osFacts('/')), arch: archWord() };
    // In memory nothing of the disks is made again, so nothing of them can stand in the way.
    if ((context.spec as { readonly [key: string]: Json })['type'] === 'diskless')
      return { layout: null, mounts: await diskMounts(context.signal), osvers, arch };
    const layout = layoutOf(await machineReport(context.signal));
    const mounts = layout.filesystems
      .flatMap((filesystem) => filesystem.mounts.map(({ at }) => ({ at, from: at })))
      .sort((a, b) => (a.at < b.at ? -1 : 1));
    const foreign = await foreignMounts(
      '',
      mounts.map(({ at }) => at),
    );
    return { layout: layout as unknown as Json, mounts, foreign, osvers, arch };
  },
};

/** xCAT's word for a release: `debian12`, `rocky9.4`, `sles15.5`; the name as it is where nobody has another. */
export function osversOf({ id, version }: { readonly id: string; readonly version: string }): string {
  const names: Readonly<Record<string, string>> = { rhel: 'rhels', almalinux: 'alma', 'opensuse-leap': 'leap' };
  return `${names[id] ?? id}${version}`.replace(/[^\w.-]/g, '');
}

/** File systems of this machine's disks. Throws xCAT's sentence (facts section 16) where its root is on none. */
async function diskMounts(signal: AbortSignal): Promise<{ at: string; from: string }[]> {
  const args = ['--json', '--list', '--real', '--output', 'TARGET,SOURCE,FSTYPE'];
  const { stdout } = await run('findmnt', args, { signal, env: { LC_ALL: 'C' } });
  const { filesystems } = JSON.parse(stdout) as { filesystems: { target: string; source: string; fstype: string }[] };
  const found = filesystems
    .filter(
      ({ source, fstype, target }) => isOnDisk(source, fstype) && !/^\/(?:proc|sys|dev|run|tmp)(?:\/|$)/.test(target),
    )
    .map(({ target }) => ({ at: target, from: target }))
    .sort((a, b) => (a.at < b.at ? -1 : 1));
  if (found[0]?.at !== '/')
    throw new HostlerError('failed_precondition', 'This node might not be diskful Linux node, please check it.');
  return found;
}

export function isOnDisk(source: string, fstype: string): boolean {
  return source.startsWith('/dev/') && !/^(?:nfs4?|tmpfs|overlay|squashfs|iso9660)$/.test(fstype);
}
