import { describe, expect, it } from 'vitest';
import { image } from '../../../../manager/verbs/image.ts';
import { images } from '../../../../manager/verbs/images.ts';
import { nodes } from '../../../../manager/verbs/nodes.ts';
import { nodeset } from '../../../../manager/verbs/nodeset.ts';
import {
  imageStatement,
  newSigningKey,
  publicKeyOf,
  signStatement,
} from '../../../../shared/identity/image-statement.ts';
import type { Verb } from '../../../../shared/verb/verb.ts';
import type { Effect, Json, Report } from '../../../../shared/verb/effect.ts';
import { asked } from '../../support/asked.ts';
import { MemoryView } from '../../support/view.ts';
import { bootCluster, digest, imageName } from './boot-cluster.ts';

const letters = ['1', '2', '3', '4', '5'] as const;
const nameOf = (letter: string): string => `img@${digest(letter).slice(0, 12)}`;

/** Five versions, packed one a day, the kernel shared by all; the last is current. */
function view(more: Readonly<Record<string, string>> = {}): MemoryView {
  const row = (letter: string, day: number): Record<string, string> => ({
    'image.osimage': 'img',
    'image.digest': digest(letter),
    'image.manifest': digest(letter),
    'image.root': digest(String.fromCharCode(96 + day)),
    'image.rootbytes': '1000000',
    'image.kernel': digest('f'),
    'image.store': 's1',
    'image.arch': 'x86_64',
    'image.packedat': `2026-01-0${day}T00:00:00.000Z`,
    ...more,
  });
  const known = new MemoryView({
    osimage: {
      img: { 'osimage.provmethod': 'netboot', 'hostler.current': digest('e'), 'hostler.version': nameOf('5') },
    },
    image: Object.fromEntries(letters.map((letter, index) => [nameOf(letter), row(letter, index + 1)])),
    node: { n1: { 'nodelist.groups': 'all' }, n2: { 'nodelist.groups': 'all' } },
  });
  known.observe('agent', 's1', { 'agent.roles': 'build,store', 'agent.state': 'connected', 'agent.store': 'unix:/s' });
  known.observe('agent', 'b1', { 'agent.roles': 'boot', 'agent.state': 'connected' });
  known.observe('agent', 'b2', { 'agent.roles': 'boot', 'agent.state': 'away' });
  return known;
}

interface Outcome {
  readonly text: string;
  readonly tasks: readonly { readonly agent: string | undefined; readonly spec: Json; readonly kind: string }[];
  readonly exit: number | undefined;
}

type Answer = (task: { kind: string; agent: string }) => Partial<Extract<Report, { about: 'task' }>>;

/** Runs a verb to its end; `answer` says what tasks come to. */
function run(verb: Verb, known: MemoryView, operands: string[], answer: Answer = () => ({ result: empty })): Outcome {
  const effects: Effect[] = [];
  const tasks: { agent: string | undefined; spec: Json; kind: string }[] = [];
  const begun = verb.start(asked(verb.name, { operands, user: 'admin' }), known);
  let { state } = begun;
  const queue: Report[] = [];
  const take = (more: readonly Effect[]): void => {
    for (const effect of more) {
      effects.push(effect);
      known.apply([effect]);
      if (effect.do === 'commit') queue.push({ about: 'commit', key: effect.key, outcome: 'done', revision: 1 });
      if (effect.do !== 'run') continue;
      const { key, kind, on, spec } = effect.task;
      const agent = on.agent ?? '';
      tasks.push({ agent: on.agent, spec, kind });
      queue.push({ about: 'task', key, outcome: 'done', agent, ...answer({ kind, agent }) } as Report);
    }
  };
  take(begun.effects);
  const ended = (): boolean => effects.some(({ do: what }) => what === 'done' || what === 'refuse');
  for (let report = queue.shift(); report !== undefined && !ended(); report = queue.shift()) {
    const step = verb.on?.(state, report, known);
    state = step?.state ?? null;
    take(step?.effects ?? []);
  }
  const text = effects.map((one) => (one.do === 'say' ? one.text : one.do === 'refuse' ? one.message : '')).join('');
  const last = effects.find((one) => one.do === 'done' || one.do === 'refuse');
  return { text, tasks, exit: last?.do === 'done' ? last.exit : (last as { exit?: number } | undefined)?.exit };
}

const empty = { removed: 1, bytes: 1_000_000, kept: [] };
const left = (known: MemoryView): string[] => [...known.rows('image')].map(([name]) => name);
const current = (known: MemoryView): string | undefined => known.row('osimage', 'img')?.['hostler.version'];

describe('use and rollback', () => {
  it('go to another version, and back to the one packed before', () => {
    const known = view();
    expect(run(image, known, ['rollback', 'img']).exit).toBe(0);
    expect(current(known)).toBe(nameOf('4'));
    expect(known.row('osimage', 'img')?.['hostler.current']).toBe(digest('d'));
    run(image, known, ['rollback', 'img']);
    expect(current(known)).toBe(nameOf('3'));
    run(image, known, ['use', '5555']);
    expect(current(known)).toBe(nameOf('5'));
    expect(run(image, known, ['use', nameOf('5')]).text).toContain('is the current version already');
  });

  it.each([
    [['use', 'nosuch'], "There is no image version 'nosuch'"],
    [['use'], 'Say of which image'],
    [['fly', 'img'], 'Say what to do'],
    [['rollback', 'other'], 'has no packed version'],
    [['rm', 'img'], 'Say which version of img'],
    [['rm', nameOf('5')], 'it is the current one'],
  ])('refuse %j', (operands, why) => {
    const known = view();
    expect(run(image, known, operands).text).toContain(why);
    expect(left(known)).toHaveLength(5);
  });

  it('do not take one that is being removed', () => {
    const known = view({ 'image.state': 'removing' });
    expect(run(image, known, ['use', nameOf('1')]).text).toContain('is being removed');
    expect(run(image, known, ['rollback', 'img']).text).toContain('has no packed version');
  });
});

describe('collection', () => {
  it('keeps the newest three, pinned ones, and those that nodes run or are to run', () => {
    const known = view();
    known.commit([{ type: 'node', name: 'n1', values: { 'hostler.image': digest('a') } }]);
    run(image, known, ['pin', nameOf('2')]);
    expect(run(image, known, ['gc']).text).toContain('No version can go');
    run(image, known, ['unpin', nameOf('2')]);
    known.observe('node', 'n2', { 'hostler.runningimage': digest('b') });
    expect(run(image, known, ['gc']).text).toContain('No version can go');
    known.observe('node', 'n2', { 'hostler.runningimage': digest('e') });
    const { tasks, text, exit } = run(image, known, ['gc']);
    expect([exit, text]).toEqual([0, `Removed ${nameOf('2')}: 2 MB are free again.\n`]);
    expect(left(known)).toEqual(['1', '3', '4', '5'].map(nameOf));
    // From every store that may have them; but not what other versions share.
    expect(tasks).toEqual([
      { agent: 'b1', kind: 'store-collect', spec: { blobs: [digest('2'), digest('b')] } },
      { agent: 's1', kind: 'store-collect', spec: { blobs: [digest('2'), digest('b')] } },
    ]);
  });

  it('leaves a mark where a store cannot be reached, and goes on the next time', () => {
    const known = view();
    const away: Answer = ({ agent }) =>
      agent === 's1' ? { outcome: 'failed', code: 'unavailable', message: 'away' } : { result: empty };
    const first = run(image, known, ['rm', nameOf('1')], away);
    expect([first.exit, first.text]).toEqual([1, expect.stringContaining('cannot be used any more')]);
    expect(known.row('image', nameOf('1'))?.['image.state']).toBe('removing');
    run(image, known, ['gc']);
    expect(left(known)).not.toContain(nameOf('1'));
  });

  it('does not forget what a boot server still serves', () => {
    const known = view();
    const serving: Answer = ({ agent }) => ({ result: { ...empty, kept: agent === 'b1' ? [digest('a')] : [] } });
    expect(run(image, known, ['rm', nameOf('1')], serving).exit).toBe(1);
    expect(left(known)).toContain(nameOf('1'));
  });
});

describe('image verify', () => {
  const key = newSigningKey();
  const signed = (by: string): MemoryView => {
    const known = view();
    const signature = signStatement(imageStatement(digest('5'), digest('e')), by);
    known.commit([{ type: 'image', name: nameOf('5'), values: { 'image.signature': signature } }]);
    known.observe('manager', 'self', { 'manager.imagekey': publicKeyOf(key) });
    return known;
  };
  const whole = { missing: [], wrong: [], bytes: 5 };

  it('says that it is whole', () => {
    const outcome = run(image, signed(key), ['verify', 'img'], () => ({ result: whole }));
    expect([outcome.exit, outcome.text]).toEqual([0, expect.stringContaining('is whole')]);
  });

  it('names what is wrong', () => {
    const outcome = run(image, signed(newSigningKey()), ['verify', 'img'], () => ({
      result: { ...whole, missing: [digest('f')], wrong: [digest('e')] },
    }));
    expect(outcome.exit).toBe(1);
    expect(outcome.text).toContain('kernel (ffff');
    expect(outcome.text).toContain('was changed');
    expect(outcome.text).toContain('its signature is not of this manager');
  });
});

describe('image test', () => {
  const passed = { helloSeconds: 3, seconds: 4, kernel: '6', output: '', console: '/c', accelerator: 'tcg' };

  it('notes what came of it', () => {
    const known = view();
    expect(run(image, known, ['test', 'img'], () => ({ result: passed })).text).toContain('passed: hello after 3 s');
    expect(known.row('image', nameOf('5'))).toMatchObject({ 'image.tested': 'passed', 'image.testedby': 'admin' });
    const message = 'The image does not pass: its agent never said hello';
    run(image, known, ['test', nameOf('4')], () => ({ outcome: 'failed', code: 'failed_precondition', message }));
    expect(known.row('image', nameOf('4'))?.['image.tested']).toBe('failed');
  });

  it('says nothing about an image that could not be tested', () => {
    const known = view();
    const message = 'qemu-system-x86_64 is not installed';
    expect(
      run(image, known, ['test', 'img'], () => ({ outcome: 'failed', code: 'failed_precondition', message })).exit,
    ).toBe(1);
    expect(known.row('image', nameOf('5'))).not.toHaveProperty(['image.tested']);
  });

  it('is asked for by nodeset when the site says so', () => {
    const known = bootCluster({ site: { clustersite: { 'site.requireimagetest': 'yes' } } });
    const version = `${imageName}@${digest('d').slice(0, 12)}`;
    const set = (): Outcome => run(nodeset, known, ['n1', `osimage=${imageName}`], () => ({ result: null }));
    expect(set().text).toContain(`The version ${version} was never tested, and site.requireimagetest is set`);
    known.commit([{ type: 'image', name: version, values: { 'image.tested': 'failed' } }]);
    expect(set().text).toContain('did not pass its test');
    known.commit([{ type: 'image', name: version, values: { 'image.tested': 'passed' } }]);
    expect(set()).toMatchObject({ exit: 0, text: 'n1: netboot debian12-x86_64-compute\n' });
  });
});

describe('images and nodes', () => {
  it('count who is to run what, and who does', () => {
    const known = view();
    known.commit([
      { type: 'node', name: 'n1', values: { 'hostler.image': digest('e'), 'nodetype.provmethod': 'img' } },
    ]);
    known.commit([
      { type: 'node', name: 'n2', values: { 'hostler.image': digest('d'), 'nodetype.provmethod': 'img' } },
    ]);
    known.observe('node', 'n1', { 'hostler.runningimage': digest('d') });
    known.observe('node', 'n2', { 'hostler.runningimage': digest('d') });
    const rows = run(images, known, ['img'])
      .text.split('\n')
      .map((line) => line.trim().split(/\s{2,}/));
    expect(rows[1]).toMatchObject([nameOf('5'), 'current', '2026-01-05 00:00', '-', '-', '1 MB', '1', '0']);
    expect(rows[2]).toMatchObject([nameOf('4'), '-', '2026-01-04 00:00', '-', '-', '1 MB', '1', '2']);
    expect(run(images, known, ['nosuch']).text).toContain("Cannot find image 'nosuch' from the osimage table.");
    const stale = (): string => {
      const request = asked('nodes', { operands: [], options: { stale: [''] } });
      return nodes
        .start(request, known)
        .effects.map((one) => (one.do === 'say' ? one.text : ''))
        .join('');
    };
    expect(stale()).toContain(`n1    -       ${nameOf('5')}  ${nameOf('4')}  stale`);
    expect(stale()).not.toContain('n2');
    expect(run(nodes, known, ['n2']).text).toContain('a newer version is current: nodeset');
    known.observe('node', 'n1', { 'hostler.runningimage': digest('e') });
    expect(stale()).toBe('Every node runs what it should.\n');
  });
});
