import { join } from 'node:path';
import { RealManager, dist } from '../tools/real-manager.ts';
import { type Bench, compared, timeOnce } from './measure.ts';

/** One object from the command line and back, beside Node doing nothing. */
export const cliBench: Bench = {
  name: 'cli',
  bound: 120,
  run: async () => {
    const manager = await RealManager.start();
    try {
      const { env } = manager;
      const lsdef = join(dist, 'bin/lsdef');
      timeOnce(join(dist, 'bin/mkdef'), ['-t', 'node', 'n01', 'groups=all'], env);
      const times = compared(21, {
        node: () => timeOnce(process.execPath, ['-e', '0']),
        lsdef: () => timeOnce(process.execPath, [lsdef, '-t', 'node', 'n01'], env),
        help: () => timeOnce(process.execPath, [lsdef, '--help']),
      });
      return {
        nodeMs: times.node,
        lsdefMs: times.lsdef,
        helpMs: times.help,
        ratio: Number((times.lsdef / times.node).toFixed(2)),
        budget: 3,
      };
    } finally {
      await manager.dispose();
    }
  },
};
