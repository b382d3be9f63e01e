import { HostlerError } from '../errors/error.ts';

/** Versions of the link's protocol that a side speaks. */
export interface ProtocolRange {
  readonly lowest: number;
  readonly highest: number;
}

/**
 * What this program speaks. When a version 2 comes, the manager's lowest stays 1 for one release: agents on booted
 * nodes are as old as their image.
 */
export const spoken: ProtocolRange = { lowest: 1, highest: 1 };

/** The highest version both speak; throws `failed_precondition` with what to do when there is none. */
export function agreedProtocol(mine: ProtocolRange, theirs: ProtocolRange, agentVersion: string): number {
  const agreed = Math.min(mine.highest, theirs.highest);
  if (agreed >= mine.lowest && agreed >= theirs.lowest && theirs.lowest > 0) return agreed;
  const older = theirs.highest < mine.lowest ? 'agent' : 'manager';
  throw new HostlerError(
    'failed_precondition',
    `The agent (version ${agentVersion || 'unknown'}) speaks link protocol ${theirs.lowest} to ${theirs.highest}, ` +
      `this manager ${mine.lowest} to ${mine.highest}. Upgrade the ${older}.`,
  );
}
