/** Heartbeats per second that the whole fleet may send, whatever its size. */
const heartbeatsPerSecond = 100;
/** Milliseconds between heartbeats of a small fleet. */
export const shortestHeartbeat = 2_000;
const longest = 300_000;

/** Milliseconds between heartbeats of one agent: they get rarer as the fleet grows. */
export function heartbeatEvery(agents: number, shortest = shortestHeartbeat): number {
  return Math.min(longest, Math.max(shortest, Math.ceil((agents / heartbeatsPerSecond) * 1000)));
}

/** Telling everybody a new pace costs a message each: only when it differs by half or more. */
export function paceDiffers(told: number, now: number): boolean {
  return now >= told * 1.5 || now <= told / 2;
}
