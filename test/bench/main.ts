/*
 * npm run bench [NAME...]: measures the product beside its peers in one run (ARCHITECTURE.md, section 8) and prints JSON.
 * What cannot be measured on this machine says why.
 */
import { availableParallelism, cpus, totalmem } from 'node:os';
import { agentBench } from './agent.ts';
import { bootBench } from './boot.ts';
import { cliBench } from './cli.ts';
import { cloneNodesBench } from './clone-nodes.ts';
import { cloneBench, cloneSmallBench } from './clone.ts';
import { crossBench } from './cross.ts';
import { fleetBench, memoryBench } from './fleet.ts';
import { imageBench } from './image.ts';
import { linkBench } from './link.ts';
import type { Bench } from './measure.ts';
import { nimBench } from './nim.ts';
import { vocabularyBench } from './vocabulary.ts';

const benches: readonly Bench[] = [
  cliBench,
  vocabularyBench,
  agentBench,
  memoryBench,
  fleetBench,
  linkBench,
  imageBench,
  crossBench,
  bootBench,
  cloneBench,
  cloneSmallBench,
  cloneNodesBench,
  nimBench,
];

const wanted = new Set(process.argv.slice(2));
const results: Record<string, unknown> = {};
for (const bench of benches.filter(({ name }) => wanted.size === 0 || wanted.has(name))) {
  process.stderr.write(`measuring ${bench.name}\n`);
  try {
    results[bench.name] = await bench.run(AbortSignal.timeout(bench.bound * 1000));
  } catch (thrown) {
    results[bench.name] = { notMeasured: thrown instanceof Error ? thrown.message : String(thrown) };
  }
}
const machine = {
  cores: availableParallelism(),
  processor: cpus()[0]?.model ?? '',
  memoryBytes: totalmem(),
  node: process.version,
};
process.stdout.write(`${JSON.stringify({ at: new Date().toISOString(), machine, results }, undefined, 2)}\n`);
