import { maskBits } from '../../../shared/boot/address.ts';
import { installCommandLine } from '../../../shared/boot/command-line.ts';
import { imageScript } from '../../../shared/boot/ipxe.ts';
import { attribute, commaList } from '../../../shared/objects/index.ts';
import type { BlobRef } from '../../../shared/task/blob.ts';
import { agentPlaceholder, nodePlaceholder, type BootProfile } from '../../../shared/task/boot-apply.ts';
import type { ProfileParts } from './profiles.ts';

/** What installs this node from a golden tree. Errors: `invalid_argument`, for words that cannot be carried. */
export function cloneProfile({ known, node, served, version, service }: ProfileParts, facts: BlobRef): BootProfile {
  const { httpPort, httpsPort, authority } = service;
  const { address, network } = served;
  const server = { address, httpPort };
  const words = installCommandLine({
    ...server,
    node: nodePlaceholder,
    agent: agentPlaceholder,
    httpsPort,
    authority,
    serialport: node.value('serialport'),
    serialspeed: node.value('serialspeed'),
    serialflow: node.value('serialflow'),
    addkcmdline: '',
  });
  const [kernel, initrd] = [version.kernel.digest, version.initrd.digest];
  const volume = node.value('osvolume').split(/\s+/);
  const site = attribute(known, 'site', 'clustersite', 'protectdisk')?.value ?? '';
  const own = volume.flatMap((word) => (word.startsWith('protect=') ? commaList(word.slice('protect='.length)) : []));
  return {
    state: version.state,
    ipxe: imageScript(server, version.state, { kernel, initrd, words }),
    authorise: true,
    kernel,
    initrd,
    clone: {
      tree: version.root.digest,
      treeBytes: version.root.bytes,
      facts: facts.digest,
      ...(version.files && { pieces: version.files.digest }),
      settings: {
        domain: service.domain,
        bits: maskBits(network.mask) ?? 24,
        gateway: service.networks.find(({ name }) => name === network.name)?.gateway ?? '',
        nameservers: service.nameservers,
        protect: [...commaList(site), ...own],
        smaller: volume.includes('smaller'),
        // No profile of its own for each node where nothing goes by groups.
        ...(version.files && { groups: commaList(node.value('groups')) }),
        server: httpPort === 80 ? `http://${address}` : `http://${address}:${httpPort}`,
        secure: `https://${address}:${httpsPort}`,
      },
    },
  };
}
