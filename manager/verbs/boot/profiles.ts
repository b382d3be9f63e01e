import { commandLine } from '../../../shared/boot/command-line.ts';
import { imageScript, localScript } from '../../../shared/boot/ipxe.ts';
import { HostlerError } from '../../../shared/errors/error.ts';
import { nodeFilesWord } from '../../../shared/task/node-files.ts';
import { nodePlaceholder, type BootProfile, type BootServiceConfig } from '../../../shared/task/boot-apply.ts';
import type { View } from '../../../shared/verb/view.ts';
import type { ImageVersion } from './image-version.ts';
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

/** What makes this node boot that version from this server. */
export function imageProfile(
  known: View,
  node: NodeFacts,
  served: Served,
  version: ImageVersion,
  service: Pick<BootServiceConfig, 'httpPort' | 'httpsPort' | 'authority'>,
): BootProfile | Trouble {
  const [serialport, serialspeed] = [node.value('serialport'), node.value('serialspeed')];
  if (serialport !== '' && serialspeed === '') {
    return { trouble: 'serialport defined, but no serialspeed for this node in nodehm table' };
  }
  const format = version.method === 'squashfs' ? '' : `hostler.format=${version.method}`;
  // Nothing secret, as all words: what is signed, and that there is something to fetch.
  const { signed, files } = version;
  const trust =
    signed === undefined ? [] : [`hostler.manifest=${signed.manifest}`, `hostler.signature=${signed.signature}`];
  const brought = files === undefined ? [] : [`${nodeFilesWord}=1`];
  const added = [format, ...trust, ...brought, node.value('addkcmdline'), version.image.value('addkcmdline')];
  const { httpPort, httpsPort, authority } = service;
  const server = { address: served.address, httpPort };
  try {
    const words = commandLine({
      ...server,
      node: nodePlaceholder,
      httpsPort,
      authority,
      image: version.digest,
      serialport,
      serialspeed,
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
  } catch (error) {
    if (error instanceof HostlerError && error.code === 'invalid_argument') return { trouble: error.message };
    throw error;
  }
}
