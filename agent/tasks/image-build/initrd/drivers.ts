/**
 * What an initrd must be able to drive to fetch an image: every network card, the buses it may sit on, and the file
 * systems an image comes as. Folders below lib/modules/<version>/kernel, whole; names of single modules.
 * Not here on purpose: InfiniBand, wireless, and disks. `osimage.netdrivers` adds by name.
 */
export const driverFolders: readonly string[] = [
  'drivers/net/ethernet',
  'drivers/net/hyperv',
  'drivers/net/mdio',
  'drivers/net/pcs',
  'drivers/net/phy',
  'drivers/net/usb',
  'drivers/net/vmxnet3',
  'drivers/pci/controller',
  'drivers/s390/net',
  'drivers/usb/host',
  'drivers/virtio',
];

export const driverNames: readonly string[] = [
  'af_packet',
  'fjes',
  'hv_vmbus',
  'loop',
  'mii',
  'net_failover',
  'overlay',
  'qdio',
  'squashfs',
  'virtio_net',
  'virtio_rng',
  'xen_netfront',
];

/** Loaded before anything is asked for by name of hardware. */
export const loadedFirst: readonly string[] = ['af_packet', 'loop', 'squashfs', 'overlay'];
