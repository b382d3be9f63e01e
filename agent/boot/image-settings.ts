import { join } from 'node:path';
import { textOf } from '../facts/read.ts';

/** How the agent in an image behaves, `/opt/hostler/agent.json`; written by genimage from `osimage.nodeagent`. */
export interface ImageSettings {
  readonly mode: 'once' | 'stay';
}

/** Anything but a clear `stay` is `once`: what is not asked for leaves no process behind. */
export function imageSettings(root = '/'): ImageSettings {
  try {
    const value: unknown = JSON.parse(textOf(join(root, 'opt/hostler/agent.json')));
    if (typeof value === 'object' && value !== null && 'mode' in value && value.mode === 'stay')
      return { mode: 'stay' };
  } catch {
    // absent or damaged
  }
  return { mode: 'once' };
}
