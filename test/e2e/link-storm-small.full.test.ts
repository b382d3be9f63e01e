import { expect, test } from 'vitest';
import { which } from '../../shared/process/which.ts';
import { storm } from '../tools/storm.ts';

/*
 * A small fleet loses its manager and its broker at once. Ten thousand do in link-storm.full.test.ts.
 */
test.for(['grpc', 'nats'] as const)(
  'a fleet over %s comes back, and nobody was called gone',
  { timeout: 280_000 },
  async (link, context) => {
    if (link === 'nats' && which('nats-server') === undefined) context.skip('nats-server is not installed');
    const { calledGone } = await storm(link, 120, 200);
    expect(calledGone).toBe(0);
  },
);
