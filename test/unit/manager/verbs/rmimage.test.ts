import { describe, expect, it } from 'vitest';
import { rmimage } from '../../../../manager/verbs/rmimage.ts';
import type { Effect, Report } from '../../../../shared/verb/effect.ts';
import { asked } from '../../support/asked.ts';
import { MemoryView } from '../../support/view.ts';
import { digest } from './boot-cluster.ts';

const name = `img@${digest('1').slice(0, 12)}`;

function view(packed = true, more: Readonly<Record<string, string>> = {}): MemoryView {
  const osimage = { 'osimage.imagetype': 'linux', 'osimage.osvers': 'debian12', 'osimage.osarch': 'x86_64' };
  const known = new MemoryView({
    osimage: {
      img: {
        ...{ ...osimage, 'osimage.profile': 'compute', 'osimage.provmethod': 'netboot' },
        ...(packed && { 'hostler.current': digest('a'), 'hostler.version': name }),
      },
      disk: { ...osimage, 'osimage.provmethod': 'install' },
    },
    image: packed
      ? {
          [name]: {
            ...{ 'image.osimage': 'img', 'image.manifest': digest('1'), 'image.root': digest('a') },
            ...{ 'image.store': 's1', 'image.builtby': 's1', ...more },
          },
        }
      : {},
    node: { n1: { 'nodelist.groups': 'all' } },
  });
  known.observe('agent', 's1', { 'agent.roles': 'build,store', 'agent.state': 'connected', 'agent.store': 'unix:/s' });
  return known;
}

const start = (known: MemoryView, operands: string[], options: Record<string, readonly string[]> = {}) =>
  rmimage.start(asked('rmimage', { operands, options }), known);
const refusal = (effects: readonly Effect[] | undefined): string =>
  (effects ?? []).map((effect) => (effect.do === 'refuse' ? effect.message : '')).join('');
const said = (effects: readonly Effect[] | undefined): string =>
  (effects ?? []).map((effect) => (effect.do === 'say' ? effect.text : '')).join('');
const tasks = (effects: readonly Effect[]) => effects.flatMap((effect) => (effect.do === 'run' ? [effect.task] : []));

/** To the end: every task is done, every commit succeeds; `effects` is all that was said and done. */
function through(known: MemoryView, options = {}): Effect[] {
  let { state, effects } = start(known, ['img'], options);
  const all: Effect[] = [];
  const queue: Effect[] = [...effects];
  for (let effect = queue.shift(); effect !== undefined; effect = queue.shift()) {
    all.push(effect);
    known.apply([effect]);
    let report: Report | undefined;
    if (effect.do === 'run') {
      const result = { kept: [], bytes: 2_000_000 };
      report = { about: 'task', key: effect.task.key, outcome: 'done', agent: effect.task.on.agent ?? '', result };
    } else if (effect.do === 'commit') {
      report = { about: 'commit', key: effect.key, outcome: 'done', revision: known.revision };
    }
    if (report === undefined) continue;
    ({ state, effects } = rmimage.on?.(state, report, known) ?? { state, effects: [] });
    queue.push(...effects);
  }
  return all;
}

describe('rmimage refuses', () => {
  it.each([
    ['no name', view(), [], "An image name is required, use 'rmimage <osimage name>'."],
    ['two names', view(), ['img', 'disk'], "An image name is required, use 'rmimage <osimage name>'."],
    ['an unknown image', view(), ['nosuch'], "Cannot find image 'nosuch' from the osimage table."],
    ['an image that is installed', view(), ['disk'], "'disk' is no diskless image: there is nothing of it to remove."],
    ['a pinned version', view(true, { 'image.pinned': 'yes' }), ['img'], `${name} is pinned`],
  ])('%s', (_, known, operands, message) => {
    const { effects } = start(known, operands);
    expect(refusal(effects)).toContain('Error: [xcatmn]: ');
    expect(refusal(effects)).toContain(message);
    expect(tasks(effects)).toEqual([]);
  });

  it('what nodes are to run, or do', () => {
    const wanted = view();
    wanted.commit([{ type: 'node', name: 'n1', values: { 'hostler.image': digest('a') } }]);
    const running = view();
    running.observe('node', 'n1', { 'hostler.runningimage': digest('a') });
    for (const known of [wanted, running]) {
      const { effects } = start(known, ['img'], { xcatdef: [''] });
      expect(refusal(effects)).toContain(`img cannot be removed: 1 node is to run ${name}, or does`);
      expect(tasks(effects)).toEqual([]);
    }
  });
});

describe('rmimage', () => {
  it('takes tree, versions and their files away; the definition stays', () => {
    const known = view();
    known.observe('osimage', 'img', { 'hostler.builtby': 'b1' });
    const effects = through(known);
    const [tree, collect] = tasks(effects);
    expect(tree).toMatchObject({
      ...{ kind: 'image-remove', on: { role: 'build', agent: 'b1' } },
      spec: { rootimgdir: '/install/netboot/debian12/x86_64/compute' },
    });
    expect(collect).toMatchObject({ on: { agent: 's1' }, spec: { blobs: [digest('1'), digest('a')] } });
    expect(known.has('image', name)).toBe(false);
    expect(known.row('osimage', 'img')).toMatchObject({ 'osimage.osvers': 'debian12' });
    expect(known.row('osimage', 'img')).not.toHaveProperty('hostler.current');
    expect(known.reported('osimage', 'img')).toEqual({});
    expect(said(effects)).toBe(`The image img was removed.\nRemoved ${name}: 2 MB are free again.\n`);
    expect(effects.at(-1)).toEqual({ do: 'done', exit: 0 });
  });

  it('--xcatdef: the definition too', () => {
    const known = view();
    const effects = through(known, { xcatdef: [''] });
    expect(known.has('osimage', 'img')).toBe(false);
    expect(known.has('image', name)).toBe(false);
    expect(said(effects)).toContain('The image img was removed, with its definition.');
  });

  it('who packed it has its tree where nobody says who built it; where nothing was built nobody is asked', () => {
    expect(tasks(start(view(), ['img']).effects)[0]).toMatchObject({ on: { agent: 's1' } });
    const known = view(false);
    const effects = through(known);
    expect(tasks(effects)).toEqual([]);
    expect(said(effects)).toBe('The image img was removed.\n');
  });

  it('the tree first: where that fails, everything stays as it was', () => {
    const known = view();
    const before = known.objects();
    const { state, effects } = start(known, ['img']);
    expect(tasks(effects)).toHaveLength(1);
    const failed: Report = {
      ...{ about: 'task', key: 'tree', outcome: 'failed', agent: 's1' },
      ...{ code: 'aborted', message: 'Another genimage works there.' },
    };
    const step = rmimage.on?.(state, failed, known);
    expect(refusal(step?.effects)).toBe('Error: [xcatmn]: Another genimage works there.');
    expect(known.objects()).toEqual(before);
  });

  it('tells of a conflict, and of files that stay', () => {
    const known = view();
    const { state } = start(known, ['img']);
    const conflict: Report = { about: 'commit', key: 'forget', outcome: 'conflict', message: 'It was changed.' };
    expect(refusal(rmimage.on?.(state, conflict, known).effects)).toContain('It was changed. Run rmimage again.');
    const gone = rmimage.on?.(state, { about: 'commit', key: 'forget', outcome: 'done', revision: 2 }, known);
    known.apply(gone?.effects ?? []);
    const marked = rmimage.on?.(
      gone?.state ?? null,
      { about: 'commit', key: 'collect-mark', outcome: 'done', revision: 3 },
      known,
    );
    const away: Report = {
      ...{ about: 'task', key: 'collect-1', outcome: 'lost', agent: 's1' },
      ...{ code: 'unavailable', message: 'It is away.' },
    };
    const ended = rmimage.on?.(marked?.state ?? null, away, known);
    expect(said(ended?.effects)).toContain("'hostler image gc' tries again");
    expect(ended?.effects.at(-1)).toEqual({ do: 'done', exit: 1 });
  });
});
