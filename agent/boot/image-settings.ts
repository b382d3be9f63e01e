import { join } from 'node:path';
import { isRole, type Role } from '../../shared/identity/names.ts';
import { textOf } from '../facts/read.ts';

/** How the agent in an image behaves, `/opt/hostler/agent.json`; written by genimage (image-build/agent-files.ts). */
export interface ImageSettings {
  readonly mode: 'once' | 'stay';
  /**
   * What the agent offers to do, as far as its certificate grants it: an image cannot give itself a role, and a node does
   * not serve because it might.
   */
  readonly roles: readonly Role[];
}

/** Anything but a clear `stay` is `once`: what is not asked for leaves no process behind. A node does its own tasks always. */
export function imageSettings(root = '/'): ImageSettings {
  try {
    const value: unknown = JSON.parse(textOf(join(root, 'opt/hostler/agent.json')));
    if (typeof value === 'object' && value !== null) {
      const asked: unknown = 'roles' in value ? value.roles : [];
      const roles = Array.isArray(asked) ? asked.filter((role) => typeof role === 'string').filter(isRole) : [];
      return {
        mode: 'mode' in value && value.mode === 'stay' ? 'stay' : 'once',
        roles: [...new Set<Role>([...roles, 'node'])],
      };
    }
  } catch {
    // absent or damaged
  }
  return { mode: 'once', roles: ['node'] };
}
