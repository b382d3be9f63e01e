import { describe, expect, it } from 'vitest';
import { image } from '../../../../manager/verbs/image.ts';
import type { ClonePiece } from '../../../../shared/clone/pieces.ts';
import type { Effect, Json } from '../../../../shared/verb/effect.ts';
import { lvm } from '../../shared/layout/samples.ts';
import { asked } from '../../support/asked.ts';
import { MemoryView } from '../../support/view.ts';
import { digest } from './boot-cluster.ts';

/* `hostler image show` of a golden image: what the agent found, beside what the registry knows. */

const nameOf = (letter: string): string => `web@${digest(letter).slice(0, 12)}`;

function view(): MemoryView {
  const version = (letter: string, generation: string): Record<string, string> => ({
    'image.osimage': 'web',
    'image.digest': digest(letter),
    'image.manifest': digest(letter),
    'image.generation': generation,
    'image.method': 'clone',
    'image.root': digest(letter),
    'image.rootbytes': '250000000',
    'image.store': 's1',
    'image.packedat': `2026-01-0${generation}T00:00:00.000Z`,
  });
  const node = (groups: string, provmethod = 'web'): Record<string, string> => ({
    'nodelist.groups': groups,
    'nodetype.provmethod': provmethod,
  });
  const known = new MemoryView({
    osimage: {
      web: { 'osimage.provmethod': 'sysclone', 'hostler.current': digest('b'), 'hostler.version': nameOf('b') },
    },
    image: { [nameOf('a')]: version('a', '1'), [nameOf('b')]: version('b', '2') },
    group: { compute: {}, gpu: {} },
    node: {
      gpu01: node('gpu,compute'),
      gpu02: node('gpu,compute', 'other'),
      n1: node('compute'),
      n2: node('all'),
      n3: node('all'),
    },
  });
  known.observe('agent', 's1', { 'agent.roles': 'store', 'agent.state': 'connected', 'agent.store': 'unix:/s' });
  return known;
}

const piece = (kind: ClonePiece['kind'], name: string): ClonePiece => ({
  ...{ kind, name, at: 0, bytes: 1_000_000, digest: digest('c') },
});

/** What the agent answers; packed in the order of the alphabet. */
const found = {
  layout: lvm as unknown as Json,
  files: 4711,
  packages: [{ name: 'nginx', version: '1.2', arch: 'amd64' }],
  pieces: [
    ...['compute', 'global', 'gpu', 'gpu01', 'gpu02', 'nobody', 'web'].map((name) => piece('override', name)),
    ...['10all.first', '20gpu.drivers', '30web.site', '50n3.own'].map((name) => piece('script', name)),
  ] as unknown as Json,
  changedPieces: ['override gpu'],
  generations: [{ id: digest('b').slice(0, 12), at: 2, work: true }],
  edits: ['etc/motd', 'srv/line\\#012\\#377'],
  folder: '/install/sysclone/images/web',
};

function show(options: Record<string, readonly string[]> = {}, json = false): string {
  const known = view();
  const request = { ...asked('image', { operands: ['show', 'web'], options, user: 'admin' }), json };
  const begun = image.start(request, known);
  const [first] = begun.effects;
  expect(first).toMatchObject({ do: 'run', task: { kind: 'clone-look', on: { agent: 's1' } } });
  const report = { about: 'task', key: 'look', outcome: 'done', agent: 's1', result: found } as const;
  const { effects } = image.on?.(begun.state, report, known) ?? { effects: [] as Effect[] };
  return effects
    .map((one) => (one.do === 'say' ? one.text : one.do === 'data' ? JSON.stringify(one.value) : ''))
    .join('');
}

describe('hostler image show of a golden image', () => {
  it('tells layout, packages, size, generations and edits', () => {
    const text = show();
    expect(text).toMatch(/^size +250 MB$/m);
    expect(text).toMatch(/^packages +1 \(--packages lists them\)$/m);
    expect(text).toMatch(/^entries +4711$/m);
    expect(text).toMatch(/edited since it was packed: etc\/motd, srv\/line\\#012\\#377$/m);
    expect(text).toMatch(/^ {2}web@2 +web@b{12} .* packed and unpacked +current, work tree$/m);
    expect(text).toMatch(/^ {2}web@1 +web@a{12} .* packed +-$/m);
    expect(text).toContain('layout:\n  firmware uefi\n  disk1 ');
    expect(show({ packages: [''] })).toContain('\n  nginx 1.2 amd64\n');
  });

  it('lists overrides in their order with whose they are, and the nodes that have their own', () => {
    const text = show();
    expect(text.slice(text.indexOf('overrides, in the order'))).toBe(
      [
        'overrides, in the order in which they are laid (later ones win; of groups, the first of the node is laid last):',
        '  web (of the image, 1 MB)',
        '  global (of every node, 1 MB)',
        '  compute (of the group compute, 3 nodes, 1 MB)',
        '  gpu (of the group gpu, 2 nodes, 1 MB)',
        '  nobody (no node and no group is called nobody: nobody gets it, 1 MB)',
        '  gpu01 (of the node gpu01, 1 MB)',
        '  gpu02 (of the node gpu02, 1 MB)',
        'nodes of this image with overrides or scripts of their own:',
        '  gpu01: web, global, compute, gpu, gpu01; scripts of its own: 20gpu.drivers',
        '  n1: web, global, compute',
        '  n3: web, global; scripts of its own: 50n3.own',
        'post-install scripts, in the order in which they run:',
        '  10all.first',
        '  30web.site',
        '  20gpu.drivers',
        '  50n3.own',
        '  override gpu: changed since it was packed; packimage web takes it in',
        '',
      ].join('\n'),
    );
  });

  it('says the same as data', () => {
    expect(JSON.parse(show({}, true))).toMatchObject({
      name: nameOf('b'),
      golden: { files: 4711, edits: found.edits },
    });
  });
});
