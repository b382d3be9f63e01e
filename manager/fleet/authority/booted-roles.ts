import { serviceNodeRoles, type Role } from '../../../shared/identity/names.ts';
import { attribute, isServiceNode } from '../../../shared/objects/index.ts';
import type { View } from '../../../shared/verb/view.ts';

/**
 * Roles of a node that booted. The registry alone decides, never what the node or its image says: those of a service node
 * where nodeset gave it an osimage of the profile `service`, or where it is in the table servicenode.
 */
export function bootedRoles(view: View, node: string): readonly Role[] {
  const osimage = attribute(view, 'node', node, 'provmethod')?.value ?? '';
  const profile = attribute(view, 'osimage', osimage, 'profile')?.value;
  return profile === 'service' || isServiceNode(view, node) ? serviceNodeRoles : ['node'];
}
