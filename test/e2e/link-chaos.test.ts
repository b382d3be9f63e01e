import { expect, test } from 'vitest';
import { which } from '../../shared/process/which.ts';
import { chaos } from '../tools/chaos.ts';

/*
 * Manager, broker, relay and agents are killed with SIGKILL at random points under load. Longer in link-chaos.full.test.ts.
 * HOSTLER_SEED=N plays one run again.
 */
const seed = Number(process.env['HOSTLER_SEED'] ?? Date.now() % 1_000_000);

test.for(['grpc', 'nats'] as const)(
  'whatever is killed, every task ends once and every report counts once, over %s',
  { timeout: 280_000 },
  async (link, context) => {
    if (link === 'nats' && which('nats-server') === undefined) context.skip('nats-server is not installed');
    const { faults, asked, reports, kills } = await chaos({ link, seconds: 10, seed });
    expect(faults, `HOSTLER_SEED=${String(seed)}`).toEqual([]);
    expect(asked).toBeGreaterThan(0);
    expect(reports).toBeGreaterThan(0);
    expect(Object.keys(kills).length).toBeGreaterThan(0);
  },
);
