import { readFile, readdir } from 'node:fs/promises';
import type { BootLoader, NetworkKind } from '../../../shared/clone/facts.ts';
import { existsInside, inside } from '../image-tree/inside.ts';

/** What configures the cards of that system: by what is there, the most particular first. */
export async function networkKindOf(tree: string): Promise<NetworkKind> {
  const has = async (path: string): Promise<boolean> => (await existsInside(tree, path)) !== undefined;
  const enabled = async (unit: string): Promise<boolean> =>
    (await has(`etc/systemd/system/multi-user.target.wants/${unit}`)) ||
    (await has(`etc/systemd/system/network-online.target.wants/${unit}`)) ||
    (await has(`etc/systemd/system/dbus-org.freedesktop.network1.service`));
  if (await has('usr/sbin/netplan')) return 'netplan';
  if (await has('usr/sbin/NetworkManager')) return 'networkmanager';
  if ((await has('sbin/ifup')) && (await has('etc/network'))) return 'ifupdown';
  if ((await enabled('systemd-networkd.service')) || (await has('lib/systemd/systemd-networkd'))) return 'networkd';
  if (await has('etc/sysconfig/network-scripts')) return 'ifcfg';
  return 'none';
}

export async function loaderOf(tree: string): Promise<BootLoader> {
  const has = async (path: string): Promise<boolean> => (await existsInside(tree, path)) !== undefined;
  if (await has('usr/sbin/grub-install')) {
    return {
      family: 'debian',
      bios: await has('usr/lib/grub/i386-pc/normal.mod'),
      uefi: await has('usr/lib/grub/x86_64-efi/normal.mod'),
      vendor: await vendorOf(tree),
    };
  }
  if (!(await has('usr/sbin/grub2-mkconfig'))) return { family: 'none', bios: false, uefi: false, vendor: '' };
  const suse = await has('usr/sbin/shim-install');
  const vendor = await vendorOf(tree);
  return {
    family: suse ? 'suse' : 'redhat',
    bios: (await has('usr/sbin/grub2-install')) && (await has('usr/lib/grub/i386-pc/normal.mod')),
    uefi: suse ? await has('usr/share/efi/x86_64/shim.efi') : vendor !== '',
    vendor,
  };
}

/** Name of the distribution's folder on the EFI system partition, where one was captured. */
async function vendorOf(tree: string): Promise<string> {
  const names = await readdir(await inside(tree, 'boot/efi/EFI')).catch(() => []);
  return names.find((name) => /^[\w-]{1,40}$/.test(name) && !/^boot$/i.test(name)) ?? '';
}

export async function mdadmConfOf(tree: string): Promise<string> {
  for (const place of ['/etc/mdadm/mdadm.conf', '/etc/mdadm.conf']) {
    if ((await existsInside(tree, place)) !== undefined) return place;
  }
  return '';
}

/** A table of the captured machine; empty where there is none. */
export async function tableOf(tree: string, path: string): Promise<string> {
  const file = await existsInside(tree, path);
  return file === undefined ? '' : await readFile(file, 'utf8');
}
