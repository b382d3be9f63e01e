import { archWord, osFacts } from '../../../facts/system.ts';
import { captureDescribeKind, captureVersion } from '../../../../shared/task/capture.ts';
import type { Json } from '../../../../shared/verb/effect.ts';
import type { TaskKind } from '../../types.ts';
import { layoutOf } from '../machine/layout-of.ts';
import { machineReport } from '../machine/report.ts';

/** What is to be known of a golden client before it is fetched. Asks, and changes nothing. */
export const captureDescribe: TaskKind = {
  kind: captureDescribeKind,
  version: captureVersion,
  roles: ['golden', 'node'],
  run: async (context) => {
    const layout = layoutOf(await machineReport(context.signal));
    const mounts = layout.filesystems
      .flatMap((filesystem) => filesystem.mounts.map(({ at }) => ({ at, from: at })))
      .sort((a, b) => (a.at < b.at ? -1 : 1));
    return { layout: layout as unknown as Json, mounts, osvers: osversOf(osFacts('/')), arch: archWord() };
  },
};

/** xCAT's word for a release: `debian12`, `rocky9.4`, `sles15.5`; the name as it is where nobody has another. */
export function osversOf({ id, version }: { readonly id: string; readonly version: string }): string {
  const names: Readonly<Record<string, string>> = { rhel: 'rhels', almalinux: 'alma', 'opensuse-leap': 'leap' };
  return `${names[id] ?? id}${version}`.replace(/[^\w.-]/g, '');
}
