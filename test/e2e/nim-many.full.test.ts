// bound: 600 s
import { test } from 'vitest';
import { setManyUp } from '../nim/support/many.ts';
import { scenarios } from '../nim/support/scenario.ts';

const scenario = scenarios();

test('200 nodes: one list before, one after', async () => {
  await scenario.works(`mknimimage -s ${scenario.site().media} img`);
  await setManyUp(scenario, 200);
}, 240_000);
