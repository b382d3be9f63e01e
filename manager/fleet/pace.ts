/** Heartbeats per second that the whole fleet may send, whatever its size. */
const heartbeatsPerSecond = 100;
const shortest = 5_000;
const longest = 300_000;

/** Milliseconds between heartbeats of one agent: they get rarer as the fleet grows. */
export function heartbeatEvery(agents: number): number {
  return Math.min(longest, Math.max(shortest, Math.ceil((agents / heartbeatsPerSecond) * 1000)));
}

/** How long an agent may be silent before it counts as away: three heartbeats with their jitter, and some for the road. */
export function silenceAllowed(every: number): number {
  return Math.ceil(every * 3 * 1.2) + 5_000;
}

/** Telling everybody a new pace costs a message each: only when it differs by half or more. */
export function paceDiffers(told: number, now: number): boolean {
  return now >= told * 1.5 || now <= told / 2;
}
