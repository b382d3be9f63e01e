/**
 * Network drivers that an initrd names by default (facts: genimage, algorithm, step 2). The initrd carries the kernel's
 * Ethernet folders whole; this list is for what lies elsewhere in some kernel, or is built under another name.
 */
const x86 = ['tg3', 'bnx2', 'bnx2x', 'e1000', 'e1000e', 'igb', 'mlx4_en', 'virtio_net', 'be2net'];
const power = ['e1000', 'e1000e', 'igb', 'ibmveth', 'ehea', 'virtio_net'];

export const defaultDrivers: Readonly<Record<string, readonly string[]>> = {
  x86_64: x86,
  aarch64: ['tg3', 'bnx2', 'bnx2x', 'e1000e', 'igb', 'mlx4_en', 'virtio_net'],
  ppc64le: power,
  ppc64: power,
  riscv64: ['virtio_net'],
  s390x: ['qdio', 'ccwgroup', 'virtio_net'],
};
