import { macOfTap } from '../../deploy/lab/vm.ts';
import type { LabNetwork } from '../../deploy/lab/network.ts';
import { commandLine } from '../../shared/boot/command-line.ts';
import { imageScript } from '../../shared/boot/ipxe.ts';
import { nodePlaceholder } from '../../shared/task/boot-apply.ts';
import type { BootApplySpec } from '../../shared/task/boot-apply.ts';
import type { ImagePackResult } from '../../shared/task/image-pack.ts';

/** What a boot server in a lab network is told, so that the machine at its first tap boots a packed image as `n0`. */
export function bootSpecOf(network: LabNetwork, authority: string, packed: ImagePackResult): BootApplySpec {
  const server = { address: network.address, httpPort: 80 };
  const [kernel, initrd, image] = [packed.kernel.digest, packed.initrd.digest, packed.root.digest];
  const words = commandLine({
    ...server,
    ...{ serialport: '0', serialspeed: '115200', serialflow: '' },
    ...{ node: nodePlaceholder, httpsPort: 7443, authority, image, addkcmdline: 'panic=-1' },
  });
  const state = 'netboot img';
  const lab = { name: 'lab', net: network.net, mask: network.mask, server: network.address, gateway: network.address };
  return {
    service: {
      ...{ interfaces: [network.bridge], httpPort: 80, httpsPort: 7443, authority, nameservers: [] },
      networks: [{ ...lab, dynamicrange: '', leaseSeconds: 3600 }],
      ...{ domain: 'cluster.test', manager: `${network.address}:7301` },
    },
    nodes: { n0: { macs: [macOfTap(0)], ip: '10.77.0.10', hostname: 'n0', profile: 'img' } },
    profiles: {
      img: {
        ...{ state, ipxe: imageScript(server, state, { kernel, initrd, words }) },
        ...{ authorise: true, kernel, initrd, image },
      },
    },
    blobs: [packed.kernel, packed.initrd, packed.root],
    allNodes: true,
  };
}
