import { describe, expect, it } from 'vitest';
import { type SeenEvent, nodeStateAfter } from '../../../../manager/fleet/node-state.ts';
import { readTimeline } from '../../../../shared/task/timeline.ts';
import { statusTime } from '../../../../shared/text/status-time.ts';
import type { Row } from '../../../../shared/verb/view.ts';

/** What is known after some events, each `stage`, `stage@bootId` or `stage!detail`; a second apart. */
function after(events: readonly string[], currstate = 'netboot debian12-x86_64-compute', known: Row = {}): Row {
  let row: Record<string, string> = { ...known };
  events.forEach((text, index) => {
    const [, stage = '', bootId = '', detail = ''] = /^([a-z-]+)(?:@(\w+))?(?:!(.*))?$/.exec(text) ?? [];
    const event: SeenEvent = { stage, at: 1_000_000 + (index + 1) * 1000, bootId, detail };
    for (const [key, value] of Object.entries(nodeStateAfter(row, event, currstate))) {
      if (value === null) row = Object.fromEntries(Object.entries(row).filter(([other]) => other !== key));
      else row[key] = value;
    }
  });
  return row;
}

const stages = (row: Row): string[] => Object.keys(readTimeline(row['boot.timeline']));
const boot = (id: string): string[] => [
  'dhcp',
  'loader',
  'kernel',
  `initrd@${id}`,
  `image@${id}`,
  `switched@${id}`,
  `registered@${id}`,
  `postscripts@${id}`,
  `booted@${id}`,
];

describe('state of a node by its events', () => {
  it('follows one boot from lease to booted', () => {
    const row = after(boot('aaa'));
    expect(stages(row)).toHaveLength(9);
    expect(row).toMatchObject({ 'nodelist.status': 'booted', 'boot.id': 'aaa' });
    expect(row['nodelist.statustime']).toBe(statusTime(1_009_000));
    expect(row['boot.error']).toBeUndefined();
  });

  it.each([
    ['netboot x', 'netbooting'],
    ['statelite x', 'netbooting'],
    ['install x', 'installing'],
    ['boot', 'booting'],
    ['', 'booting'],
  ])('with the state %j it is %s until it has booted', (currstate, status) => {
    expect(after(['dhcp', 'loader'], currstate)['nodelist.status']).toBe(status);
  });

  it('keeps the first time of a stage that is told again', () => {
    const row = after(['dhcp', 'dhcp', 'loader', 'kernel', 'dhcp']);
    expect(readTimeline(row['boot.timeline'])).toEqual({ dhcp: 1_001_000, loader: 1_003_000, kernel: 1_004_000 });
  });

  it('begins anew when the machine is reset, with the lease of the new boot', () => {
    const row = after([...boot('aaa'), 'dhcp', 'loader']);
    expect(stages(row)).toEqual(['dhcp', 'loader']);
    expect(row['nodelist.status']).toBe('netbooting');
    expect(row['boot.id']).toBeUndefined();
  });

  it('begins anew in the middle of a boot, too', () => {
    const row = after(['dhcp', 'loader', 'kernel', 'initrd@aaa', 'dhcp', 'loader', 'kernel', 'initrd@bbb']);
    expect(readTimeline(row['boot.timeline'])).toEqual({
      dhcp: 1_005_000,
      loader: 1_006_000,
      kernel: 1_007_000,
      initrd: 1_008_000,
    });
    expect(row['boot.id']).toBe('bbb');
  });

  it('knows another boot by its id alone', () => {
    const row = after([...boot('aaa'), 'registered@bbb']);
    expect(stages(row)).toEqual(['registered']);
    expect(row['boot.id']).toBe('bbb');
  });

  it('does not believe an earlier boot that speaks late', () => {
    expect(after([...boot('aaa'), 'dhcp', 'loader', 'booted@aaa'])['nodelist.status']).toBe('netbooting');
  });

  it('shows a failure until the next boot', () => {
    const row = after(['dhcp', 'loader', 'kernel', 'initrd@aaa', 'failed@aaa!digest is wrong']);
    expect(row).toMatchObject({ 'nodelist.status': 'failed', 'boot.error': 'digest is wrong' });
    const next = after(['dhcp', 'loader'], 'netboot x', row);
    expect(next['boot.error']).toBeUndefined();
    expect(next['nodelist.status']).toBe('netbooting');
  });

  it('notes a refusal without touching the status', () => {
    expect(nodeStateAfter({}, { stage: 'refused', at: 1, bootId: '', detail: 'why' }, '')).toEqual({
      'boot.error': 'why',
    });
  });

  it('ignores what is no stage', () => {
    expect(nodeStateAfter({}, { stage: 'dancing', at: 1, bootId: '', detail: '' }, '')).toEqual({});
  });

  it('takes what NIM says of an AIX machine: a status and its step, without a timeline', () => {
    const during = after(['nim-booting', 'nim-installing!BOS install 40%']);
    expect(during).toEqual({
      'nodelist.status': 'installing',
      'nodelist.statustime': statusTime(1_002_000),
      'hostler.nim': 'BOS install 40%',
    });
    expect(after(['nim-booted'], '', during)).toEqual({
      'nodelist.status': 'booted',
      'nodelist.statustime': statusTime(1_001_000),
    });
    expect(after(['nim-failed!no disk'], '', during)).toMatchObject({
      'nodelist.status': 'failed',
      'boot.error': 'no disk',
    });
  });
});

it('status times are as xCAT writes them', () => {
  expect(statusTime(new Date(2026, 0, 2, 3, 4, 5).getTime())).toBe('01-02-2026 03:04:05');
});
