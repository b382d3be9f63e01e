import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sameBoot } from '../facts/system.ts';
import { replaceFile } from '../../shared/files/durable.ts';

/**
 * One life of the agent on one boot. Kept over a restart of its process, new after a boot and in a new home.
 * Stored as `DIR/incarnation.json`.
 */
export interface Incarnation {
  readonly bootId: string;
  /** 32 hexadecimal digits. */
  readonly id: string;
}

export async function readIncarnation(home: string, bootId: string): Promise<Incarnation> {
  const file = join(home, 'incarnation.json');
  const stored = parse(file);
  if (stored !== undefined && sameBoot(stored.bootId, bootId)) return stored;
  const fresh: Incarnation = { bootId, id: randomBytes(16).toString('hex') };
  await replaceFile(file, JSON.stringify(fresh));
  return fresh;
}

/** A file that cannot be understood counts as none: a new life is the safe answer. */
function parse(file: string): Incarnation | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (typeof value !== 'object' || value === null) return undefined;
    const { bootId, id } = value as Partial<Incarnation>;
    return typeof bootId === 'string' && typeof id === 'string' && /^[0-9a-f]{32}$/.test(id)
      ? { bootId, id }
      : undefined;
  } catch {
    return undefined;
  }
}
