// bound: 3600 s
import { expect, test } from 'vitest';
import { which } from '../../shared/process/which.ts';
import { storm } from '../tools/storm.ts';

/*
 * Ten thousand agents lose their manager, and their broker: nobody who is well is called gone, and all come back. How long
 * it took is printed; that it is less than two minutes is seen with `npm run bench link`, whose figures are in docs/link.md.
 * HOSTLER_STORM_AGENTS=N for another number.
 */
const agents = Number(process.env['HOSTLER_STORM_AGENTS'] ?? 10_000);

test.for(['grpc', 'nats'] as const)('ten thousand over %s', { timeout: 1_800_000 }, async (link, context) => {
  if (link === 'nats' && which('nats-server') === undefined) context.skip('nats-server is not installed');
  const { calledGone, afterManager, afterBroker } = await storm(link, agents, 600);
  process.stdout.write(`back after ${String(afterManager)} s, after the broker's end ${String(afterBroker)} s\n`);
  expect(calledGone).toBe(0);
});
