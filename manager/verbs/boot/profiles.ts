import { commandLine } from '../../../shared/boot/command-line.ts';
import { imageScript, localScript } from '../../../shared/boot/ipxe.ts';
import { HostlerError } from '../../../shared/errors/error.ts';
import { nodeFilesWord } from '../../../shared/task/node-files.ts';
import { nodePlaceholder, type BootProfile, type BootServiceConfig } from '../../../shared/task/boot-apply.ts';
import type { View } from '../../../shared/verb/view.ts';
import type { ImageVersion } from './image-version.ts';
import { cloneProfile } from './clone-profile.ts';
import type { NodeFacts, Served, Trouble } from './node-plan.ts';
import { substituted } from './substitute.ts';

/** Gathers what nodes have in common: equal profiles get one key. */
export class Profiles {
  readonly #keys = new Map<string, string>();
  readonly #profiles: Record<string, BootProfile> = {};

  keyFor(profile: BootProfile): string {
    const content = JSON.stringify(profile);
    const known = this.#keys.get(content);
    if (known !== undefined) return known;
    const key = `p${this.#keys.size + 1}`;
    this.#keys.set(content, key);
    this.#profiles[key] = profile;
    return key;
  }

  all(): Readonly<Record<string, BootProfile>> {
    return this.#profiles;
  }
}

export function localProfile(): BootProfile {
  return { state: 'boot', ipxe: localScript('boot'), authorise: false };
}

/** What all profiles of nodes that load something are made from. */
export interface ProfileParts {
  readonly known: View;
  readonly node: NodeFacts;
  readonly served: Served;
  readonly version: ImageVersion;
  readonly service: Pick<
    BootServiceConfig,
    'httpPort' | 'httpsPort' | 'authority' | 'domain' | 'nameservers' | 'networks'
  >;
}

/** What makes this node load that version from this server. */
export function profileOf(parts: ProfileParts): BootProfile | Trouble {
  const { node, version } = parts;
  if (node.value('serialport') !== '' && node.value('serialspeed') === '') {
    return { trouble: 'serialport defined, but no serialspeed for this node in nodehm table' };
  }
  try {
    return version.facts === undefined ? imageProfile(parts) : cloneProfile(parts, version.facts);
  } catch (error) {
    if (error instanceof HostlerError && error.code === 'invalid_argument') return { trouble: error.message };
    throw error;
  }
}

function imageProfile({ known, node, served, version, service }: ProfileParts): BootProfile {
  const format = version.method === 'squashfs' ? '' : `hostler.format=${version.method}`;
  // Nothing secret, as all words: what is signed, and that there is something to fetch.
  const { signed, files } = version;
  const trust =
    signed === undefined ? [] : [`hostler.manifest=${signed.manifest}`, `hostler.signature=${signed.signature}`];
  const brought = files === undefined ? [] : [`${nodeFilesWord}=1`];
  const added = [format, ...trust, ...brought, node.value('addkcmdline'), version.image.value('addkcmdline')];
  const { httpPort, httpsPort, authority } = service;
  const server = { address: served.address, httpPort };
  const words = commandLine({
    ...server,
    node: nodePlaceholder,
    httpsPort,
    authority,
    image: version.digest,
    arch: version.image.value('osarch'),
    serialport: node.value('serialport'),
    serialspeed: node.value('serialspeed'),
    serialflow: node.value('serialflow'),
    addkcmdline: substituted(known, served.name, added.join(' ')),
  });
  const [kernel, initrd] = [version.kernel.digest, version.initrd.digest];
  return {
    state: version.state,
    ipxe: imageScript(server, version.state, { kernel, initrd, words }),
    authorise: true,
    kernel,
    initrd,
    image: version.digest,
    ...(files !== undefined && { files: files.digest }),
  };
}
