// bound: 1200 s
import { expect, test } from 'vitest';
import { which } from '../../shared/process/which.ts';
import { chaos } from '../tools/chaos.ts';

/*
 * Three minutes of link-chaos.test.ts over each link. HOSTLER_SEED=N plays one run again.
 */
const seed = Number(process.env['HOSTLER_SEED'] ?? Date.now() % 1_000_000);

test.for(['grpc', 'nats'] as const)('three minutes over %s', { timeout: 500_000 }, async (link, context) => {
  if (link === 'nats' && which('nats-server') === undefined) context.skip('nats-server is not installed');
  const { faults, asked, reports, kills } = await chaos({ link, seconds: 180, seed });
  process.stdout.write(
    `${link}: ${String(asked)} tasks, ${String(reports)} reports, killed ${JSON.stringify(kills)}, seed ${String(seed)}\n`,
  );
  expect(faults, `HOSTLER_SEED=${String(seed)}`).toEqual([]);
  expect(asked).toBeGreaterThan(100);
  expect(reports).toBeGreaterThan(1_000);
  expect(Object.keys(kills).sort()).toEqual(
    [...(link === 'nats' ? ['broker', 'leaf'] : []), 'far', 'far-boot', 'manager', 'near', 'near-boot', 'relay'].sort(),
  );
});
