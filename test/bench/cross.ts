import { archWord } from '../../agent/facts/system.ts';
import { CrossSite, lackFor } from '../lab/cross-image.ts';
import type { Bench } from './measure.ts';

/** An image for another architecture beside the same image for this one, both cold, downloads and all. */
export const crossBench: Bench = {
  name: 'cross',
  bound: 1800,
  run: async () => {
    const native = archWord();
    const foreign = native === 'aarch64' ? 'x86_64' : 'aarch64';
    const lack = lackFor(foreign);
    if (lack !== undefined) throw new Error(`needs ${lack}`);
    const site = await CrossSite.open();
    try {
      const seconds = async (arch: string): Promise<number> => {
        await site.define(arch, arch);
        const began = Date.now();
        await site.done('genimage', arch);
        const took = (Date.now() - began) / 1000;
        process.stderr.write(`  genimage ${arch}: ${took.toFixed(1)} s\n`);
        return took;
      };
      const nativeSeconds = await seconds(native);
      const crossSeconds = await seconds(foreign);
      return {
        nativeSeconds,
        crossSeconds,
        crossRatio: Number((crossSeconds / nativeSeconds).toFixed(2)),
        crossBudget: 3,
      };
    } finally {
      await site.close();
    }
  },
};
