import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Boots } from '../../../../../agent/services/boot/boots.ts';
import type { NodeEvent } from '../../../../../shared/task/node-events.ts';

const of = { mac: '52:54:00:00:00:01', node: 'n1' };
let home: string;
let told: NodeEvent[];
const boots = (): Boots =>
  new Boots(
    home,
    (event) => told.push(event),
    () => undefined,
  );

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'boots-'));
  told = [];
});
afterEach(() => rm(home, { recursive: true, force: true }));

describe('an installation that is cut off', () => {
  it('is begun again, and everybody is told where it was, also after the boot server started again', async () => {
    const first = boots();
    await first.saw(of, { what: 'loader' });
    expect(await first.begin(of, 'job1.n1')).toBeUndefined();
    await first.step(of, 'filling', 'boot-a');
    expect(told.at(-1)).toMatchObject({ stage: 'installing', detail: 'filling' });
    const second = boots();
    await second.saw(of, { what: 'dhcp' });
    await second.saw(of, { what: 'loader' });
    expect(await second.begin(of, 'job1.n1')).toBe('filling');
    second.progress(of, 'filling: 10 %', 'boot-b');
    expect(told.at(-1)).toMatchObject({ stage: 'installing', detail: 'try 2: filling: 10 %' });
  });

  it('is another one when nodeset asked for another', async () => {
    const one = boots();
    await one.saw(of, { what: 'loader' });
    await one.begin(of, 'job1.n1');
    expect(await one.begin(of, 'job2.n1')).toBeUndefined();
    await one.step(of, 'filling', 'boot-a');
    expect(told.at(-1)).toMatchObject({ detail: 'filling' });
  });
});

it('why a machine is not installed is told whole, once while it asks again, and again when it is another reason', async () => {
  const one = boots();
  await one.saw(of, { what: 'loader' });
  const failures = (): string[] => told.filter(({ stage }) => stage === 'failed').map(({ detail }) => detail);
  const why = `disk1 needs more; this machine has ${'vda (1 GiB): too small; '.repeat(12)}vdb: protected`;
  for (const reason of [why, why, 'another']) one.refuse(of, reason, 'boot-a');
  await one.begin(of, 'job1.n1');
  expect(failures()).toEqual([why, 'another']);
  one.refuse(of, 'another', 'boot-a');
  await one.saw(of, { what: 'dhcp' });
  expect(failures()).toEqual([why, 'another', 'another']);
});
