import { describe, expect, it } from 'vitest';
import { advance, claim, type BootRecord, type Sighting } from '../../../../../agent/services/boot/boot-record.ts';

const of = { mac: '52:54:00:00:00:01', node: 'n1' };
const minute = 60_000;

/** What is news of a row of sightings, each at its minute. */
function news(sightings: readonly (readonly [at: number, sighting: Sighting])[]): {
  told: string[];
  record: BootRecord;
} {
  let record: BootRecord | undefined;
  const told: string[] = [];
  for (const [at, sighting] of sightings) {
    const step = advance(record, of, sighting, at * minute);
    record = step.record;
    if (step.news) told.push(sighting.what === 'stage' ? sighting.stage : sighting.what);
  }
  if (!record) throw new Error('nothing was seen');
  return { told, record };
}

const dhcp: Sighting = { what: 'dhcp' };
const loader: Sighting = { what: 'loader' };
const stage = (name: 'kernel' | 'initrd' | 'image' | 'switched'): Sighting => ({ what: 'stage', stage: name });

describe('advance', () => {
  it('tells each stage of a boot once, whatever is asked again', () => {
    const { told, record } = news([
      [0, dhcp],
      [0.1, dhcp],
      [0.2, loader],
      [0.3, loader],
      [0.4, stage('kernel')],
      [0.5, stage('kernel')],
      [1, stage('initrd')],
    ]);
    expect(told).toEqual(['dhcp', 'loader', 'kernel', 'initrd']);
    expect(record.began).toBe(0);
  });

  it('begins a new boot with the next lease or loader', () => {
    const first = [
      [0, dhcp],
      [0.1, loader],
      [0.2, stage('kernel')],
    ] as const;
    expect(news([...first, [0.5, dhcp], [0.6, loader]]).record).toMatchObject({
      began: 0.5 * minute,
      stages: ['dhcp', 'loader'],
    });
    expect(news([...first, [0.5, loader]]).record).toMatchObject({ began: 0.5 * minute, stages: ['loader'] });
    expect(
      news([
        [0, dhcp],
        [10, loader],
      ]).record,
    ).toMatchObject({ stages: ['loader'] });
  });

  it('tells a bounded number of failures', () => {
    const { told } = news(Array.from({ length: 100 }, () => [1, { what: 'failed' }] as const));
    expect(told.length).toBe(20);
  });

  it('belongs to one node', () => {
    const { record } = news([
      [0, dhcp],
      [0.1, loader],
    ]);
    expect(advance(record, { ...of, node: 'n2' }, stage('kernel'), 0).record).toMatchObject({
      node: 'n2',
      stages: ['kernel'],
    });
  });
});

describe('claim', () => {
  const served = news([
    [0, dhcp],
    [0.1, loader],
  ]).record;

  it('grants one token for a boot, and the same one to the same kernel', () => {
    const first = claim(served, 'boot-a', 't1', minute);
    expect(first).toMatchObject({ outcome: 'granted', token: 't1' });
    const record = first.outcome === 'granted' ? first.record : served;
    expect(claim(record, 'boot-a', 't2', 2 * minute)).toMatchObject({ outcome: 'granted', token: 't1' });
    expect(claim(record, 'boot-b', 't3', 2 * minute)).toMatchObject({ outcome: 'refused' });
  });

  it('grants another for the next boot', () => {
    const first = claim(served, 'boot-a', 't1', minute);
    const record = first.outcome === 'granted' ? first.record : served;
    const next = advance(advance(record, of, dhcp, 5 * minute).record, of, loader, 5 * minute).record;
    expect(claim(next, 'boot-b', 't2', 6 * minute)).toMatchObject({ outcome: 'granted', token: 't2' });
  });

  it('refuses where no boot was served, or too long ago', () => {
    expect(claim(undefined, 'boot-a', 't1', 0).outcome).toBe('refused');
    expect(claim(news([[0, dhcp]]).record, 'boot-a', 't1', 0).outcome).toBe('refused');
    expect(claim(served, 'boot-a', 't1', 40 * minute).outcome).toBe('refused');
  });
});
