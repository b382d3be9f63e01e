import { chmod, mkdir } from 'node:fs/promises';
import { inside, linkInside, writeInside } from '../image-tree/inside.ts';
import { networkFiles } from './network.ts';
import type { TreePart } from './parts.ts';
import type { Build } from './spec.ts';

/** Attributes of an osimage that end as files: permission, nodebootif, otherifce, and genimage -t. */
export const attributesPart: TreePart = {
  name: 'attributes',
  input: (build) => [1, build.permission, { ...filesOf(build) }, build.tmplimit],
  apply: async (root, build) => {
    const statelite = await inside(root, '.statelite');
    await mkdir(statelite, { recursive: true });
    await chmod(statelite, Number.parseInt(build.permission, 8));
    for (const [path, text] of Object.entries(filesOf(build))) {
      const mode = Number.parseInt(text.slice(0, 4), 8);
      await writeInside(root, path, text.slice(5), mode);
    }
    if (build.tmplimit !== '')
      await linkInside(root, `etc/systemd/system/local-fs.target.wants/${tmpUnit}`, `../${tmpUnit}`);
  },
};

const tmpUnit = 'tmp.mount';

/** Path to `MODE TEXT`. */
function filesOf(build: Build): Readonly<Record<string, string>> {
  const network = networkFiles(build.release, build.interfaces);
  return Object.fromEntries([
    ...Object.entries(network).map(([path, { text, mode }]) => [path, `${mode.toString(8).padStart(4, '0')} ${text}`]),
    ...(build.tmplimit === '' ? [] : [[`etc/systemd/system/${tmpUnit}`, `0644 ${tmpMount(build.tmplimit)}`]]),
  ]) as Record<string, string>;
}

function tmpMount(size: string): string {
  return [
    ...['[Unit]', 'Description=Temporary files, of limited size', 'ConditionPathIsSymbolicLink=!/tmp'],
    ...['DefaultDependencies=no', 'Conflicts=umount.target', 'Before=local-fs.target umount.target', ''],
    ...[
      '[Mount]',
      'What=tmpfs',
      'Where=/tmp',
      'Type=tmpfs',
      `Options=mode=1777,strictatime,nosuid,nodev,size=${size}`,
      '',
    ],
  ].join('\n');
}
