import type { FromAgent__Output } from '../wire/generated/hostler/v1/FromAgent.ts';

/** Stands for bytes that were no message; no message on the wire can have this number. */
export const undecodable: FromAgent__Output = Object.freeze({ sequence: -1, acknowledged: 0 });

/** Stands for a message that was too long to be looked at. */
export const oversized: FromAgent__Output = Object.freeze({ sequence: -2, acknowledged: 0 });
