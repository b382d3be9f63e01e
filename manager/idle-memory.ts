import { performance } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Milliseconds between two looks. */
const lookEvery = 10_000;
/** Bytes of heap more than after the last time that are worth a collection. */
const worthIt = 16 * 1024 * 1024;
/** The young generation shrinks by one collection after another; after these many nothing more comes of it. */
const collections = 3;
/** Below this share of busy time the manager counts as idle. */
const idle = 0.1;

/**
 * Gives memory back after a burst. V8 keeps its young generation as large as it once had to be, and collects only when
 * something is allocated: a manager that changed ten thousand nodes and then rests would hold a third more than it needs.
 */
export function giveBackMemory(): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  let before = performance.eventLoopUtilization();
  let settled = process.memoryUsage().heapTotal;
  setInterval(() => {
    const now = performance.eventLoopUtilization();
    const busy = performance.eventLoopUtilization(now, before).utilization;
    before = now;
    if (busy > idle || process.memoryUsage().heapTotal < settled + worthIt) return;
    for (let time = 0; time < collections; time += 1) collect();
    settled = process.memoryUsage().heapTotal;
  }, lookEvery).unref();
}
