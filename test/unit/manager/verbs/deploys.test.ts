import { describe, expect, it } from 'vitest';
import { deploys, parseFill } from '../../../../manager/verbs/deploys.ts';
import { asked } from '../../support/asked.ts';
import { MemoryView } from '../../support/view.ts';

const now = 1_800_000_000_000;

function view(): MemoryView {
  const waiting = {
    'nodelist.groups': 'all',
    'nodetype.provmethod': 'img',
    'chain.currstate': 'sysclone debian12-x86_64',
  };
  const known = new MemoryView({
    node: {
      n1: waiting,
      n2: waiting,
      n3: waiting,
      n4: { ...waiting, 'chain.currstate': 'boot' },
      n5: { ...waiting, 'chain.currstate': 'boot' },
      other: { 'nodelist.groups': 'all' },
    },
    osimage: { img: { 'osimage.provmethod': 'sysclone', 'osimage.imagetype': 'linux' } },
  });
  const at = (ago: number): number => now - ago * 1000;
  known.observe('node', 'n1', {
    'nodelist.status': 'installing',
    'boot.detail': 'filling: 35 %, 120 of 340 MB, 11 MB/s',
    'boot.timeline': JSON.stringify({ dhcp: at(70), initrd: at(50), installing: at(30) }),
  });
  known.observe('node', 'n2', {
    'nodelist.status': 'failed',
    'boot.error': 'no disk is large enough',
    'boot.timeline': JSON.stringify({ initrd: at(20), failed: at(5) }),
  });
  known.observe('node', 'n4', {
    'nodelist.status': 'installing',
    'boot.timeline': JSON.stringify({ dhcp: at(200), installing: at(100), installed: at(10) }),
  });
  known.observe('node', 'n5', { 'nodelist.status': 'booted', 'boot.timeline': JSON.stringify({ booted: at(1) }) });
  return known;
}

const text = (operands: string[] = [], options = {}): string =>
  deploys
    .start(asked('deploys', { operands, options, at: now }), view())
    .effects.map((effect) => (effect.do === 'say' ? effect.text : ''))
    .join('');

describe('hostler deploys', () => {
  it('shows all nodes of golden images with step, percent, rate and time left, and sums up', () => {
    expect(text().split('\n')).toEqual([
      expect.stringMatching(/^node +image +state +filled +rate +left +since +step$/),
      expect.stringMatching(/^n1 +img +installing +35 % +11\.0 MB\/s +20s +1m10s +filling: 35 %/),
      expect.stringMatching(/^n2 +img +failed +20s +no disk is large enough$/),
      expect.stringMatching(/^n3 +img +waiting/),
      expect.stringMatching(/^n4 +img +installed +3m10s +installed$/),
      '5 nodes: 1 waiting, 1 installing, 1 installed, 1 booted, 1 failed; 11.0 MB/s in all, the last fill ends in about 20s.',
      '',
    ]);
  });

  it('shows what is asked for', () => {
    expect(text(['n5'], { all: [''] })).toMatch(/\nn5 +img +booted/);
    expect(text(['n5'])).toBe('1 node: 1 booted.\n');
    expect(text(['nobody'])).toContain('nobody');
  });
});

it('reads what the boot server tells of a fill, and of other steps', () => {
  expect(parseFill('filling: 35 %, 120 of 340 MB, 11 MB/s')).toEqual({ percent: 35, rate: 11e6, left: 20 });
  expect(parseFill('try 2: filling: 40 %, 2 of 5 MB, 1 MB/s')).toEqual({ percent: 40, rate: 1e6, left: 3 });
  expect(parseFill('filling: 0 %')).toEqual({ percent: 0, rate: 0, left: -1 });
  expect(parseFill('installing the boot loader')).toEqual({ percent: -1, rate: 0, left: -1 });
});
