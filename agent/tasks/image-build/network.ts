import type { Release } from '../../../shared/distro/release.ts';

export interface NetworkFile {
  readonly text: string;
  readonly mode: number;
}

/**
 * Files that let cards of the image ask for an address (osimage.nodebootif, osimage.otherifce), by their path, in the
 * words of the program that runs the network of that release. The card that booted has its address from the initrd.
 */
export function networkFiles(release: Release, interfaces: readonly string[]): Readonly<Record<string, NetworkFile>> {
  const runs = (unit: string): boolean => release.services.includes(unit);
  if (runs('NetworkManager.service')) return { ...managerSettings, ...each(interfaces, managerFile) };
  if (runs('wicked.service')) return each(interfaces, wickedFile);
  return each(interfaces, networkdFile);
}

type Make = (name: string) => readonly [path: string, file: NetworkFile];

function each(interfaces: readonly string[], make: Make): Record<string, NetworkFile> {
  return Object.fromEntries([...new Set(interfaces)].map(make));
}

const networkdFile: Make = (name) => [
  `etc/systemd/network/60-hostler-${name}.network`,
  { text: `[Match]\nName=${name}\n\n[Network]\nDHCP=yes\n`, mode: 0o644 },
];

/** NetworkManager takes a connection that others can read for a mistake. */
const managerFile: Make = (name) => [
  `etc/NetworkManager/system-connections/${name}.nmconnection`,
  {
    text: `[connection]\nid=${name}\ntype=ethernet\ninterface-name=${name}\n\n[ipv4]\nmethod=auto\n\n[ipv6]\nmethod=auto\n`,
    mode: 0o600,
  },
];

/** It would leave the card that booted as the initrd left it, and never renew its lease. */
const managerSettings: Readonly<Record<string, NetworkFile>> = {
  'etc/NetworkManager/conf.d/50-hostler.conf': {
    text: '[device-hostler]\nmatch-device=type:ethernet\nkeep-configuration=no\n',
    mode: 0o644,
  },
};

const wickedFile: Make = (name) => [
  `etc/sysconfig/network/ifcfg-${name}`,
  { text: "BOOTPROTO='dhcp'\nSTARTMODE='auto'\n", mode: 0o644 },
];
