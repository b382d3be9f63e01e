import { statSync } from 'node:fs';
import { join } from 'node:path';
import { dist } from '../tools/real-manager.ts';
import { type Bench, compared, timeOnce } from './measure.ts';

/** Size and start of the agent, which lies in every image. */
export const agentBench: Bench = {
  name: 'agent',
  bound: 60,
  run: async () => {
    const agent = join(dist, 'hostler-agent');
    const times = compared(11, {
      node: () => timeOnce(process.execPath, ['-e', '0']),
      agent: () => timeOnce(process.execPath, [agent, '--version']),
    });
    return { bytes: statSync(agent).size, budgetBytes: 800_000, startMs: times.agent, nodeMs: times.node };
  },
};
