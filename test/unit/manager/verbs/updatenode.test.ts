import { describe, expect, it } from 'vitest';
import { updatenode } from '../../../../manager/verbs/updatenode.ts';
import type { Effect, Json, Report } from '../../../../shared/verb/effect.ts';
import { asked } from '../../support/asked.ts';
import { MemoryView } from '../../support/view.ts';

const root = '1'.repeat(64);

function view(): MemoryView {
  const installed = { 'nodelist.groups': 'compute,all', 'nodetype.provmethod': 'img', 'chain.currstate': 'boot' };
  const known = new MemoryView({
    node: {
      n1: installed,
      n2: { ...installed, 'hostler.image': root },
      fresh: { ...installed, 'chain.currstate': 'sysclone debian12-x86_64' },
      ram: { ...installed, 'nodetype.provmethod': 'net' },
    },
    osimage: {
      img: { 'osimage.provmethod': 'sysclone', 'osimage.imagetype': 'linux', 'hostler.version': 'img@444444444444' },
      net: { 'osimage.provmethod': 'netboot', 'osimage.imagetype': 'linux' },
    },
    image: {
      'img@444444444444': {
        'image.osimage': 'img',
        'image.method': 'clone',
        'image.root': root,
        'image.manifest': '4'.repeat(64),
        'image.digest': '4'.repeat(64),
        'image.files': '5'.repeat(64),
        'image.store': 'images',
      },
    },
  });
  known.observe('agent', 'images', { 'agent.store': 'https://h:1', 'agent.state': 'connected' });
  return known;
}

const start = (operands: string[], options: Record<string, readonly string[]> = { sw: [''] }, known = view()) =>
  updatenode.start(asked('updatenode', { operands, options }), known);
const said = (effects: readonly Effect[]): string => effects.map((e) => (e.do === 'say' ? e.text : '')).join('');
const tasks = (effects: readonly Effect[]) => effects.flatMap((e) => (e.do === 'run' ? [e.task] : []));
const done = (key: string, result: Json): Report => ({ about: 'task', key, outcome: 'done', agent: 'a', result });
const nothing = { changed: 0, deleted: 0, bytes: 10, paths: [], restart: false };

describe('updatenode', () => {
  it.each([
    [{}, 'Without options updatenode would do -S, -P and -F'],
    [{ sync: [''], sw: [''] }, 'Of updatenode only -S is built in this version of Hostler'],
    [{ scripts: ['x'] }, '--scripts is not'],
  ])('refuses its other parts honestly: %j', (options, text) => {
    const { effects } = start(['n1'], options);
    expect(said(effects)).toContain(text);
    expect(tasks(effects)).toEqual([]);
  });

  it('refuses nodes that are no installed clones, by name', () => {
    const { effects } = start(['fresh,ram']);
    expect(said(effects)).toContain('fresh: [xcatmn]: Error: It is not installed yet');
    expect(said(effects)).toContain('ram: [xcatmn]: Error: net is no golden image');
    expect(tasks(effects)).toEqual([]);
  });

  it('has one task serve, one a node fetch, each with a ticket of its own, and nothing else', () => {
    const { effects } = start(['n1,n2']);
    const [serve, ...syncs] = tasks(effects);
    expect(serve).toMatchObject({ kind: 'clone-serve', on: { role: 'store', agent: 'images' } });
    const { takers } = serve?.spec as { takers: { node: string; groups: string[]; ticket: string }[] };
    expect(takers.map(({ node }) => node)).toEqual(['n1', 'n2']);
    expect(takers[0]?.groups).toEqual(['compute', 'all']);
    expect(new Set(takers.map(({ ticket }) => ticket)).size).toBe(2);
    expect(syncs.map(({ on }) => on)).toEqual([{ agent: 'n1' }, { agent: 'n2' }]);
    expect(syncs[0]?.spec).toMatchObject({ image: 'img', root, target: '/', ticket: takers[0]?.ticket ?? '' });
  });

  it('stops the serving task when all have ended, pins what they run now, and tells what changed', () => {
    const known = view();
    const first = start(['n1,n2'], { sw: [''] }, known);
    const second = updatenode.on?.(first.state, done('sync-1-1', { ...nothing, changed: 3, restart: true }), known);
    expect(said(second?.effects ?? [])).toMatch(/^n1: 3 files changed, 0 removed, 0 kB fetched; the kernel is another/);
    expect(second?.effects.some((e) => e.do === 'stop')).toBe(false);
    expect(second?.effects).toContainEqual({
      do: 'commit',
      key: 'image-n1',
      changes: [{ type: 'node', name: 'n1', values: { 'hostler.image': root } }],
    });
    const third = updatenode.on?.(second?.state ?? null, done('sync-1-2', nothing), known);
    expect(third?.effects.filter((e) => e.do === 'commit')).toEqual([]);
    expect(third?.effects).toContainEqual({ do: 'stop', key: 'serve-1', reason: 'all nodes have what they need' });
    const stopped: Report = {
      about: 'task',
      key: 'serve-1',
      outcome: 'cancelled',
      agent: 'images',
      code: 'cancelled',
      message: 'stopped',
    };
    const last = updatenode.on?.(third?.state ?? null, stopped, known);
    expect(last?.effects).toEqual([{ do: 'done', exit: 0 }]);
  });

  it('says why when there is nobody to fetch from, and ends with 1', () => {
    const known = view();
    const first = start(['n1'], { sw: [''] }, known);
    const failed: Report = {
      about: 'task',
      key: 'serve-1',
      outcome: 'failed',
      agent: 'images',
      code: 'unavailable',
      message: 'the agent images is away',
    };
    const second = updatenode.on?.(first.state, failed, known);
    expect(said(second?.effects ?? [])).toContain('the agent images is away');
    expect(second?.effects).toMatchObject([{ do: 'say' }, { do: 'stop', key: 'sync-1-1' }]);
    const last = updatenode.on?.(second?.state ?? null, { ...failed, key: 'sync-1-1', message: 'stopped' }, known);
    expect(last?.effects.at(-1)).toEqual({ do: 'done', exit: 1 });
  });
});
