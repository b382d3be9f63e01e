import { readdir } from 'node:fs/promises';
import { existsInside, removeInside, writeInside } from '../../image-tree/inside.ts';
import { networkFiles } from '../../../../shared/clone/network.ts';
import { configureTree } from '../../image-build/configure.ts';
import { attributesPart } from '../../image-build/attributes.ts';
import { agentParts } from '../../image-build/parts.ts';
import type { Build } from '../../image-build/spec.ts';
import type { TaskContext } from '../../types.ts';
import { networkKindOf } from '../describe-tree.ts';

/** Tables and units that would look for the disks of the machine that was captured. */
const ofDisks: readonly string[] = [
  'etc/crypttab',
  'etc/mdadm/mdadm.conf',
  'etc/mdadm.conf',
  'etc/initramfs-tools/conf.d/resume',
  'etc/systemd/system/multi-user.target.wants/hostler-agent.service',
  'opt/hostler/agent.json',
  'var/lib/hostler',
];

/** A tree that lived on disks becomes one that many machines boot from memory, as a tree of packages does. */
export async function fitDiskless(tree: string, build: Build, context: TaskContext): Promise<void> {
  const kind = await networkKindOf(tree);
  const { away } = networkFiles(kind, {
    ...{ name: 'n', domain: '', ip: '10.0.0.1', bits: 24, gateway: '', nameservers: [], mac: '00:00:00:00:00:00' },
    ...{ protect: [], smaller: false, groups: [] },
  });
  for (const path of [...ofDisks]) await removeInside(tree, path);
  for (const pattern of away) await removePattern(tree, pattern.slice(1));
  await writeInside(
    tree,
    'etc/fstab',
    '# The root file system is the image with a writable layer in memory; nothing to mount for it.\n',
  );
  if (kind === 'ifupdown')
    await writeInside(
      tree,
      'etc/network/interfaces',
      'auto lo\niface lo inet loopback\nsource /etc/network/interfaces.d/*\n',
    );
  await configureTree(tree, build.release.services);
  await attributesPart.apply(tree, build, context);
  for (const part of agentParts) await part.apply(tree, build, context);
}

/** `etc/netplan/*.yaml`: a star in the last part only. */
async function removePattern(tree: string, pattern: string): Promise<void> {
  const folder = pattern.slice(0, pattern.lastIndexOf('/'));
  const [before = '', after = ''] = pattern.slice(folder.length + 1).split('*');
  if (!pattern.includes('*')) {
    await removeInside(tree, pattern);
    return;
  }
  const place = await existsInside(tree, folder);
  for (const name of place === undefined ? [] : await readdir(place))
    if (name.startsWith(before) && name.endsWith(after)) await removeInside(tree, `${folder}/${name}`);
}
