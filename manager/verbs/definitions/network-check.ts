import { attribute, objectNames } from '../../../shared/objects/index.ts';
import type { View } from '../../../shared/verb/view.ts';
import type { Wanted } from './wanted.ts';

/** Why a network of this name, address and mask cannot be created; undefined: it can. */
export function newNetworkProblem(view: View, { name, attributes }: Wanted): string | undefined {
  const net = attributes.get('net') ?? '';
  const mask = attributes.get('mask') ?? '';
  if (net === '' || mask === '') return `Net or mask value should not be empty for xCAT network object '${name}'.`;
  for (const other of objectNames(view, 'network')) {
    const same = attribute(view, 'network', other, 'net')?.value === net;
    if (!same || attribute(view, 'network', other, 'mask')?.value !== mask) continue;
    return `A network definition called '${other}' already exists that contains the same net and mask values. Cannot create a definition for '${name}'.`;
  }
  return undefined;
}

/** A network that lost its address or mask has to get it back before anything else of it can be changed. */
export function changedNetworkProblem(view: View, { name, attributes }: Wanted): string | undefined {
  for (const attr of ['net', 'mask']) {
    if ((attribute(view, 'network', name, attr)?.value ?? '') !== '' || (attributes.get(attr) ?? '') !== '') continue;
    return `Attribute '${attr}' is not specified for network entry '${name}', skipping.`;
  }
  return undefined;
}
