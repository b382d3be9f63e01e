import { createHash } from 'node:crypto';

/** One agent's ticket out of a seed that no agent knows: 128 bits in hex; who has one cannot work out another's. */
export function ticketFor(seed: string, agent: string): string {
  return createHash('sha256').update(`${seed} ${agent}`).digest('hex').slice(0, 32);
}
