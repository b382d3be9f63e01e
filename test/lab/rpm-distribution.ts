import { realpath } from 'node:fs/promises';
import { releaseOf } from '../../shared/distro/release.ts';
import { which } from '../../shared/process/which.ts';
import { busyboxLinks, kernelFiles, programFiles } from './rpm-repository.ts';
import type { LabRpm } from './rpm-repository.ts';
import { labKernel } from './tiny-image.ts';

/** What a virtual machine's network and an image need of a kernel. */
const kernelModules = [
  ...['virtio_pci', 'virtio_net', 'virtio_rng', 'af_packet'],
  ...['loop', 'squashfs', 'overlay', 'net_failover'],
];

/** Process 1: as much of a service manager as shows that the image came up. */
const init = `#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
exec >/dev/console 2>&1
echo "init of the image: $(cat /etc/os-release)"
/usr/bin/node /opt/hostler/hostler-agent --boot
while :; do sleep 3600; done
`;

/**
 * A distribution as small as it can be: the packages that every image of `osvers` needs, all but four of them empty. The
 * first holds a busybox as its shell, one the kernel of this machine's distribution, one this machine's Node.js.
 * `with`: what a Node.js may weigh; without one the package is empty.
 */
export async function labDistribution(osvers: string, arch: string, node: boolean): Promise<LabRpm[]> {
  const release = releaseOf(osvers);
  if (release === undefined) throw new Error(`no release ${osvers}`);
  const kernelName = release.kernels[arch] ?? 'kernel';
  const nodeName = release.packages.find((name) => name.startsWith('nodejs')) ?? 'nodejs';
  const kernel = await labKernel();
  const rpms: LabRpm[] = [
    {
      name: 'lab-base',
      provides: ['/bin/sh', 'filesystem', 'system-release'],
      files: {
        '/usr/bin/busybox': { copy: '/bin/busybox' },
        ...busyboxLinks(
          'sh',
          'cat',
          'echo',
          'id',
          'ls',
          'mkdir',
          'mount',
          'sleep',
          'true',
          'false',
          'env',
          'grep',
          'uname',
        ),
        '/bin': { link: 'usr/bin' },
        '/sbin': { link: 'usr/sbin' },
        '/lib': { link: 'usr/lib' },
        '/lib64': { link: 'usr/lib64' },
        '/etc/passwd': { text: 'root:x:0:0:root:/root:/bin/sh\n' },
        '/etc/shadow': { text: 'root:secret:1::::::\n', mode: 0o600 },
        '/etc/group': { text: 'root:x:0:\n' },
        '/etc/os-release': { text: `ID=lab ${osvers}\n` },
      },
    },
    {
      name: 'systemd',
      requires: ['lab-base'],
      files: { '/usr/sbin/init': { text: init, mode: 0o755 } },
    },
    {
      name: kernelName,
      version: '6.1.0',
      release: '7',
      requires: ['systemd'],
      files: await kernelFiles(kernel, release.kernelFile[arch] ?? 'vmlinuz', kernelModules),
    },
    {
      name: nodeName,
      version: `${release.node}.1.0`,
      files: node ? await nodeFiles() : {},
    },
  ];
  const there = new Set(rpms.map((rpm) => rpm.name));
  const empty = release.packages.filter((name) => !there.has(name));
  return [...rpms, ...empty.map((name) => ({ name, requires: ['lab-base'] }))];
}

async function nodeFiles(): Promise<LabRpm['files'] & object> {
  const program = await realpath(which('node') ?? process.execPath);
  const libraries = await programFiles(program);
  // /lib and /lib64 are links in the image.
  const moved = Object.entries(libraries).map(
    ([path, content]) => [path.replace(/^\/lib/, '/usr/lib'), content] as const,
  );
  return { ...Object.fromEntries(moved), '/usr/bin/node': { copy: program } };
}
