import { afterEach, describe, expect, test } from 'vitest';
import type { Effect, Report, TaskRequest } from '../../../../shared/verb/effect.ts';
import { Archive } from '../../../../manager/jobs/archive.ts';
import { jobKeys } from '../../../../manager/jobs/record.ts';
import { openRegistry } from '../../../../manager/registry/registry.ts';
import { type Verb, end } from '../../../../shared/verb/verb.ts';
import { HostlerError } from '../../../../shared/errors/error.ts';
import {
  Agents,
  type Manager,
  collect,
  disk,
  done,
  eventsOf,
  failed,
  request,
  startManager,
  texts,
} from './harness.ts';

const task = (change: Partial<TaskRequest> = {}): Effect => ({
  do: 'run',
  task: {
    key: 'work',
    kind: 'image-build',
    title: 'Work',
    on: { role: 'build' },
    spec: { secretless: true },
    ...change,
  },
});
const set = (name: string, values: Record<string, string | null>): Effect => ({
  do: 'commit',
  key: 'set',
  changes: [{ type: 'node', name, values }],
});

/** A verb from its start and its answers. */
function verb(start: Verb['start'], on?: (report: Report) => Effect[]): Verb {
  return {
    name: 'v',
    version: 1,
    changes: true,
    start,
    ...(on && { on: (_state, report) => ({ state: null, effects: on(report) }) }),
  };
}

const endWithTask = (report: Report): Effect[] =>
  report.about !== 'task'
    ? []
    : report.outcome === 'done'
      ? [{ do: 'done', exit: 0 }]
      : [{ do: 'refuse', code: report.code, message: `${report.outcome}: ${report.message}` }];

const open: Manager[] = [];
const agents = (): Agents => new Agents();
async function manager(verbs: readonly Verb[], ours = agents(), now?: () => number): Promise<Manager> {
  const started = await startManager(await disk(), ours, verbs, now);
  open.push(started);
  return started;
}
afterEach(async () => {
  for (const { jobs, registry } of open.splice(0)) {
    await jobs.close();
    await registry.close();
  }
});

describe('verbs that end with their start', () => {
  test('say, commit, and leave no job', async () => {
    const { jobs, registry } = await manager([
      verb((asked) =>
        end(
          { do: 'say', text: `set ${asked.operands[0] ?? ''}` },
          set('n1', { a: '1' }),
          { do: 'say', text: 'warn\n', error: true },
          { do: 'done', exit: 3 },
        ),
      ),
    ]);
    const ran = await jobs.run(request('v', { operands: ['n1'], command: 'v n1' }));
    expect(ran.kind).toBe('ended');
    const events = await eventsOf(jobs, ran);
    expect(events).toMatchObject([
      { position: 0, output: { error: false, text: 'set n1\n' } },
      { position: 1, output: { error: true, text: 'warn\n' } },
      { position: 2, finished: { exit: 3, state: 'failed' } },
    ]);
    expect(await collect(registry.history({}))).toMatchObject([{ user: 'ann', command: 'v n1', correlation: 'c1' }]);
    expect(await jobs.list({ limit: 0, runningOnly: false })).toEqual([]);
  });

  test('a conflict starts the verb anew, with what is there now', async () => {
    let others = 2;
    const { jobs, registry } = await manager([
      verb((_asked, known) => {
        const seen = known.row('node', 'n1')?.['a'] ?? '0';
        // Somebody else is quicker, twice.
        if (others-- > 0)
          void registry.commit({ user: 'bob', command: '', correlation: '', at: 0 }, [
            { type: 'node', name: 'n1', values: { a: `${seen}x` } },
          ]);
        return end({ do: 'say', text: `saw ${seen}` }, set('n1', { a: 'mine' }), { do: 'done', exit: 0 });
      }),
    ]);
    const events = await eventsOf(jobs, await jobs.run(request('v')));
    expect(texts(events)).toEqual(['saw 0xx']);
    expect(registry.view.row('node', 'n1')).toEqual({ a: 'mine' });
  });

  test('a refusal and a fault end with a message; an unknown verb is an error', async () => {
    const { jobs } = await manager([
      { ...verb(() => end({ do: 'refuse', code: 'not_found', message: 'No such node.', exit: 2 })), name: 'refuses' },
      {
        ...verb(() => {
          throw new HostlerError('invalid_argument', 'Not so.');
        }),
        name: 'throws',
      },
      {
        ...verb(() => {
          throw new TypeError('oops');
        }),
        name: 'breaks',
      },
    ]);
    const last = async (name: string): Promise<unknown> =>
      (await eventsOf(jobs, await jobs.run(request(name)))).at(-1)?.finished;
    expect(await last('refuses')).toEqual({ exit: 2, state: 'refused', code: 'not_found', message: 'No such node.' });
    expect(await last('throws')).toMatchObject({ exit: 1, code: 'invalid_argument', message: 'Not so.' });
    expect(await last('breaks')).toMatchObject({ exit: 1, code: 'internal' });
    await expect(jobs.run(request('nothing'))).rejects.toMatchObject({ code: 'unimplemented' });
  });

  test('long output comes in pieces of whole lines', async () => {
    const text = Array.from({ length: 30_000 }, (_, index) => `line ${index} of many`).join('\n');
    const { jobs } = await manager([verb(() => end({ do: 'say', text }, { do: 'done', exit: 0 }))]);
    const pieces = (await eventsOf(jobs, await jobs.run(request('v')))).flatMap(({ output }) =>
      output ? [output.text ?? ''] : [],
    );
    expect(pieces.length).toBeGreaterThan(3);
    expect(pieces.every((piece) => piece.endsWith('\n') && piece.length <= 128 * 1024)).toBe(true);
    expect(pieces.join('')).toBe(`${text}\n`);
  });
});

describe('--plan', () => {
  test('shows what would change and run, without secrets, and does nothing', async () => {
    const ours = agents();
    const plan = verb(() => ({
      state: null,
      effects: [
        set('n1', { a: '2', b: null, 'ipmi.password': 'geheim' }),
        {
          do: 'commit',
          key: 'more',
          changes: [
            { type: 'node', name: 'n2', remove: true },
            { type: 'osimage', name: 'i', values: { x: 'two\nlines' } },
          ],
        },
        { do: 'say', text: 'changed' },
        { do: 'say', text: 'careful', error: true },
        task({ on: { role: 'build', arch: 'x86_64' } }),
        task({ key: 'other', title: 'Other', on: { role: 'nim' } }),
      ],
    }));
    const { jobs, registry } = await manager([plan], ours);
    const values = { a: '1', b: '1', 'ipmi.password': 'alt' };
    await registry.commit({ user: '', command: '', correlation: '', at: 0 }, [
      { type: 'node', name: 'n1', values },
      { type: 'node', name: 'n2', values: { a: '1' } },
    ]);
    const ran = await jobs.run(request('v', { plan: true }));
    expect(ran.kind).toBe('ended');
    const events = await eventsOf(jobs, ran);
    expect(texts(events).join('\n')).toBe(
      [
        'Would change node n1:',
        '  - a=1',
        '  + a=2',
        '  - b=1',
        '  - ipmi.password=(secret)',
        '  + ipmi.password=(secret)',
        'Would remove node n2:',
        '  - a=1',
        'Would create osimage i:',
        String.raw`  + x="two\nlines"`,
        'careful',
        'Would run "Work" (image-build) on role build, arch x86_64; that is build1',
        'Would run "Other" (image-build) on role nim; but now there is none: No agent has the role nim.',
      ].join('\n'),
    );
    const json = await eventsOf(jobs, await jobs.run(request('v', { plan: true, json: true })));
    expect(
      json.flatMap(({ data }) => (data ? [(JSON.parse(data.json ?? '') as { would: string }).would] : [])),
    ).toEqual(['change', 'remove', 'create', 'run', 'run']);
    expect(registry.view.revision).toBe(1);
    expect(ours.sent).toEqual([]);
    expect(await jobs.list({ limit: 0, runningOnly: false })).toEqual([]);
  });
});

describe('jobs', () => {
  test('a task is sent with all it needs, and its end is the verb’s', async () => {
    const ours = agents();
    const { jobs } = await manager(
      [verb(() => ({ state: null, effects: [task({ deadline: 60, uninterruptible: true })] }), endWithTask)],
      ours,
    );
    const ran = await jobs.run(request('v', { correlation: 'abc' }));
    const events = await eventsOf(jobs, ran);
    const id = ran.kind === 'job' ? ran.id : '';
    expect(ours.sent).toEqual([
      {
        id: `${id}.work`,
        kind: 'image-build',
        spec: '{"secretless":true}',
        deadline: 60,
        uninterruptible: true,
        correlation: 'abc',
        title: 'Work',
      },
    ]);
    expect(events.map((event) => Object.keys(event)[2])).toEqual(['started', 'step', 'step', 'step', 'finished']);
    expect(events.flatMap(({ step }) => (step ? [step.state] : []))).toEqual(['waiting', 'sent', 'done']);
    expect(await jobs.show(id)).toMatchObject({
      summary: { state: 'done', user: 'ann' },
      steps: [{ agent: 'build1', state: 'done' }],
    });
    expect(await jobs.list({ limit: 0, runningOnly: false })).toMatchObject([{ id, state: 'done' }]);
    expect(await jobs.list({ limit: 0, runningOnly: true })).toEqual([]);
  });

  test('nobody who could do it is said at once', async () => {
    const ours = agents();
    ours.roles = [];
    const { jobs } = await manager([verb(() => ({ state: null, effects: [task()] }), endWithTask)], ours);
    const events = await eventsOf(jobs, await jobs.run(request('v')));
    expect(events.at(-1)?.finished).toMatchObject({
      exit: 1,
      state: 'refused',
      message: 'failed: No agent has the role build.',
    });
  });

  test('a verb that refuses after its task had begun has failed', async () => {
    const ours = agents();
    ours.behaviour = () => failed('the disk is full');
    const { jobs } = await manager([verb(() => ({ state: null, effects: [task()] }), endWithTask)], ours);
    const events = await eventsOf(jobs, await jobs.run(request('v')));
    expect(events.at(-1)?.finished).toMatchObject({ exit: 1, state: 'failed', message: 'failed: the disk is full' });
  });

  test('a task that is lost comes back as a report, and asked for again gets a new id', async () => {
    const ours = agents();
    ours.behaviour = (each) => (each.id.endsWith('-r2') ? done() : 'silent');
    const again = verb(
      () => ({ state: null, effects: [task()] }),
      (report) => (report.about === 'task' && report.outcome === 'lost' ? [task()] : endWithTask(report)),
    );
    const { jobs } = await manager([again], ours);
    const ran = await jobs.run(request('v'));
    await expect.poll(() => ours.sent.length).toBe(1);
    const first = ours.sent[0]?.id ?? '';
    await ours.listener.lost(first, 'build1', 'the agent began a new life');
    const events = await eventsOf(jobs, ran);
    expect(events.at(-1)?.finished).toMatchObject({ exit: 0 });
    expect(ours.sent.map(({ id }) => id)).toEqual([first, `${first}-r2`]);
  });

  test('an end is heard once, from the agent that has the task, and only JSON is a result', async () => {
    const ours = agents();
    ours.behaviour = () => 'silent';
    const { jobs } = await manager([verb(() => ({ state: null, effects: [task()] }), endWithTask)], ours);
    const ran = await jobs.run(request('v'));
    await expect.poll(() => ours.sent.length).toBe(1);
    const id = ours.sent[0]?.id ?? '';
    await ours.listener.result(id, 'thief1', done());
    expect((await jobs.show('1')).summary?.state).toBe('running');
    await ours.listener.result(id, 'build1', { outcome: 'done', result: 'no json', startedAt: 1, endedAt: 1 });
    await ours.listener.result(id, 'build1', done());
    await ours.listener.result('99-aaaa.work', 'build1', done());
    expect((await eventsOf(jobs, ran)).at(-1)?.finished).toMatchObject({
      message: expect.stringContaining('not JSON') as unknown,
    });
  });

  test('a commit that conflicts is reported; what was to follow it is not done', async () => {
    const heard: Report[] = [];
    const conflicting = verb(
      () => ({
        state: null,
        effects: [
          { do: 'commit', key: 'c', changes: [{ type: 'node', name: 'n1', values: { a: '1' }, fresh: false }] },
          task(),
        ],
      }),
      (report) => {
        heard.push(report);
        return [{ do: 'done', exit: 5 }];
      },
    );
    const ours = agents();
    const { jobs } = await manager([conflicting], ours);
    expect((await eventsOf(jobs, await jobs.run(request('v')))).at(-1)?.finished).toMatchObject({ exit: 5 });
    expect(heard).toMatchObject([{ about: 'commit', key: 'c', outcome: 'conflict' }]);
    expect(ours.sent).toEqual([]);
  });

  test('a commit that the registry refuses for what it is ends the job with that', async () => {
    const { jobs } = await manager([
      verb(
        () => ({ state: null, effects: [task(), set('n\u0000', { a: '1' })] }),
        () => [],
      ),
    ]);
    const last = (await eventsOf(jobs, await jobs.run(request('v')))).at(-1)?.finished;
    expect(last).toMatchObject({ state: 'refused', code: 'invalid_argument' });
  });

  test('a verb that waits for nothing, or throws, ends as a fault', async () => {
    const { jobs } = await manager([
      { ...verb(() => ({ state: null, effects: [{ do: 'say', text: 'x' }] })), name: 'idle' },
      {
        ...verb(
          () => ({ state: null, effects: [task()] }),
          () => {
            throw new TypeError('oops');
          },
        ),
        name: 'broken',
      },
    ]);
    for (const name of ['idle', 'broken']) {
      const last = (await eventsOf(jobs, await jobs.run(request(name)))).at(-1)?.finished;
      expect(last).toMatchObject({ state: 'failed', code: 'internal', exit: 1 });
    }
  });
});

describe('locks', () => {
  const locked = (refuse: boolean): Verb => ({
    ...verb(
      () => ({ state: null, effects: [task({ lock: 'image:i', ...(refuse && { refuseIfLocked: 'busy' }) })] }),
      endWithTask,
    ),
    name: refuse ? 'refuse' : 'wait',
  });

  test('one waits for the other and says for whom; one that will not wait is refused; the lock outlives the manager', async () => {
    const ours = agents();
    ours.behaviour = () => 'silent';
    const onDisk = await disk();
    const first = await startManager(onDisk, ours, [locked(false), locked(true)]);
    await first.jobs.run(request('wait', { command: 'genimage i' }));
    await first.jobs.run(request('wait'));
    await expect
      .poll(async () => (await first.jobs.show('2')).steps?.[0]?.message)
      .toMatch(/^waits for job 1-\w+ \(genimage i\)$/);
    expect((await eventsOf(first.jobs, await first.jobs.run(request('refuse')))).at(-1)?.finished).toMatchObject({
      code: 'aborted',
      message: 'failed: busy',
    });
    await first.jobs.close();

    const second = await startManager(onDisk, ours, [locked(false), locked(true)]);
    open.push(second);
    expect((await second.jobs.show('2')).steps?.[0]?.state).toBe('waiting');
    const [task1 = ''] = [...ours.runs.keys()];
    ours.finish(task1, failed('x'));
    await expect.poll(async () => (await second.jobs.show('2')).steps?.[0]?.state).toBe('sent');
    const cancel = await second.jobs.cancel('2', 'test');
    expect(cancel.state).toBe('cancelling');
    for (const id of ours.runs.keys()) ours.finish(id, failed('x'));
    await expect.poll(async () => (await second.jobs.show('2')).summary?.state).toBe('cancelled');
  });
});

describe('cancel', () => {
  test('stops running tasks, tells the verb, ends as cancelled', async () => {
    const ours = agents();
    ours.behaviour = () => 'silent';
    const heard: string[] = [];
    const { jobs } = await manager(
      [
        verb(
          () => ({ state: null, effects: [task()] }),
          (report) => {
            heard.push(report.about);
            return [];
          },
        ),
      ],
      ours,
    );
    const ran = await jobs.run(request('v'));
    await expect.poll(() => ours.sent.length).toBe(1);
    expect(await jobs.cancel('1', 'enough')).toMatchObject({ state: 'cancelling' });
    expect(ours.cancelled).toEqual([{ task: ours.sent[0]?.id, reason: 'enough' }]);
    ours.finish(ours.sent[0]?.id ?? '', {
      outcome: 'cancelled',
      code: 'cancelled',
      message: 'stopped',
      startedAt: 1,
      endedAt: 1,
    });
    expect((await eventsOf(jobs, ran)).at(-1)?.finished).toMatchObject({ state: 'cancelled', exit: 1 });
    expect(heard).toEqual(['cancel', 'task']);
    expect(await jobs.cancel('1', 'again')).toMatchObject({ state: 'finished' });
    await expect(jobs.cancel('77', 'x')).rejects.toMatchObject({ code: 'not_found' });
  });

  test('waits for what must not be interrupted, and says so', async () => {
    const ours = agents();
    ours.behaviour = () => 'silent';
    const { jobs } = await manager(
      [verb(() => ({ state: null, effects: [task({ uninterruptible: true, title: 'SPOT' })] }), endWithTask)],
      ours,
    );
    const ran = await jobs.run(request('v'));
    await expect.poll(() => ours.sent.length).toBe(1);
    expect(await jobs.cancel('1', 'enough')).toEqual({
      state: 'waiting',
      message: 'The job ends after "SPOT" on build1, which must not be interrupted.',
    });
    expect(ours.cancelled).toEqual([]);
    ours.finish(ours.sent[0]?.id ?? '', done());
    expect((await eventsOf(jobs, ran)).at(-1)?.finished).toMatchObject({ state: 'done', exit: 0 });
  });
});

describe('what tasks say', () => {
  test('progress and log are told, the log from its offset on, characters whole', async () => {
    const ours = agents();
    ours.behaviour = () => 'silent';
    const onDisk = await disk();
    const first = await startManager(onDisk, ours, [verb(() => ({ state: null, effects: [task()] }), endWithTask)]);
    await first.jobs.run(request('v'));
    await expect.poll(() => ours.sent.length).toBe(1);
    const id = ours.sent[0]?.id ?? '';
    const bytes = Buffer.from('eins zwei drei ä vier\n');
    ours.listener.started(id, 'build1', 5);
    ours.listener.progress(id, 'build1', { stage: 'packages', text: '3 of 9', done: 3, total: 9, unit: '' });
    ours.listener.log(id, 0, bytes.subarray(0, 5));
    ours.listener.log(id, 3, bytes.subarray(3, 16));
    ours.listener.log(id, 18, bytes.subarray(18));
    expect(ours.listener.logOffset(id)).toBe(16);
    const seen = async (manager: Manager): Promise<string> => {
      const events = await collect(manager.jobs.follow('1', 0, false, new AbortController().signal));
      return events.map(({ log }) => log?.text ?? '').join('');
    };
    // Half of the ä is still to come.
    await expect.poll(() => seen(first)).toBe('eins zwei drei ');
    await first.jobs.close();
    const second = await startManager(onDisk, ours, [verb(() => ({ state: null, effects: [task()] }), endWithTask)]);
    open.push(second);
    expect(ours.listener.logOffset(id)).toBe(16);
    ours.listener.log(id, 16, bytes.subarray(16));
    await expect.poll(() => seen(second)).toMatch(/ vier\n$/);
    const [progress] = (await collect(second.jobs.follow('1', 0, false, new AbortController().signal))).filter(
      (event) => event.progress,
    );
    expect(progress?.progress).toMatchObject({ task: id, agent: 'build1', stage: 'packages', done: 3, total: 9 });
    expect(await second.jobs.show('1')).toMatchObject({ steps: [{ state: 'running', startedAt: 5 }] });
    ours.finish(id, done());
  });

  test('of progress the last one is kept, of long logs head and tail; a follower goes on from its position', async () => {
    const ours = agents();
    ours.behaviour = () => 'silent';
    let clock = 0;
    const { jobs } = await manager(
      [verb(() => ({ state: null, effects: [task()] }), endWithTask)],
      ours,
      () => (clock += 1000),
    );
    const ran = await jobs.run(request('v'));
    await expect.poll(() => ours.sent.length).toBe(1);
    const id = ours.sent[0]?.id ?? '';
    const piece = Buffer.alloc(64 * 1024, 'x');
    for (let count = 0; count < 120; count++) {
      ours.listener.log(id, count * piece.length, piece);
      ours.listener.progress(id, 'build1', { stage: 's', text: String(count), done: count, total: 120, unit: '' });
    }
    ours.finish(id, done());
    const events = await eventsOf(jobs, ran);
    const logs = events.flatMap(({ log }) => (log ? [log.text ?? ''] : []));
    const kept = logs.join('').length;
    expect(kept).toBeLessThan(5 * 1024 * 1024);
    expect(kept).toBeGreaterThan(4 * 1024 * 1024);
    expect(logs.filter((text) => text.includes('too long to be kept'))).toHaveLength(1);
    expect(logs.at(-1)).toBe(piece.toString());
    expect(events.filter(({ progress }) => progress).map(({ progress }) => progress?.text)).toEqual(['119']);
    const middle = events[5]?.position ?? 0;
    const rest = await collect(jobs.follow('1', middle + 1, true, new AbortController().signal));
    expect(rest.map(({ position }) => position)).toEqual(events.slice(6).map(({ position }) => position));
  });

  test('a running task that keeps no deadline is given up', async () => {
    const ours = agents();
    ours.behaviour = () => 'silent';
    let clock = 1_000_000;
    const { jobs } = await manager(
      [verb(() => ({ state: null, effects: [task({ deadline: 10 })] }), endWithTask)],
      ours,
      () => clock,
    );
    const ran = await jobs.run(request('v'));
    await expect.poll(() => ours.sent.length).toBe(1);
    ours.listener.started(ours.sent[0]?.id ?? '', 'build1', clock);
    await expect.poll(async () => (await jobs.show('1')).steps?.[0]?.state).toBe('running');
    clock += 71_000;
    jobs.checkDeadlines();
    expect((await eventsOf(jobs, ran)).at(-1)?.finished).toMatchObject({ code: 'deadline_exceeded' });
    expect(ours.cancelled).toHaveLength(1);
  });
});

test('a job of two thousand tasks writes what moved, not everything each time', async () => {
  const ours = agents();
  ours.behaviour = () => 'silent';
  const many = 2000;
  const fan: Verb = {
    ...verb(() => ({
      state: 0,
      effects: Array.from({ length: many }, (_, index) => task({ key: `n${index}`, on: { role: 'node' } })),
    })),
    on: (state) => ({ state: Number(state) + 1, effects: Number(state) + 1 === many ? [{ do: 'done', exit: 0 }] : [] }),
  };
  const { jobs, registry, store } = await manager([fan], ours);
  let written = 0;
  const write = store.write.bind(store);
  store.write = (batch, sync) => {
    written += batch.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
    return write(batch, sync);
  };
  const ran = await jobs.run(request('v'));
  await expect.poll(() => ours.sent.length).toBe(many);
  for (const id of ours.runs.keys()) ours.listener.started(id, 'node1', 1);
  for (const id of ours.runs.keys()) ours.finish(id, done());
  expect((await eventsOf(jobs, ran)).at(-1)?.finished).toMatchObject({ exit: 0 });
  expect((await jobs.show('1')).steps).toHaveLength(many);
  expect(written).toBeLessThan(many * 5000);
  expect(registry.view.revision).toBe(0);
});

test('of old jobs only the latest are kept, and nothing stays of the others', async () => {
  const registry = await openRegistry(await disk());
  const [space, events] = [registry.space('jobs'), registry.space('events')];
  const archive = new Archive(space, events, { people: 2, own: 1 });
  for (const [number, user] of [
    [1, 'ann'],
    [2, 'agent:n1'],
    [3, 'ann'],
    [4, 'bob'],
    [5, 'agent:n2'],
  ] as const) {
    await space.write([
      { key: jobKeys.record(number), value: { number, id: `${number}-a`, user } },
      { key: jobKeys.step(number, 0), value: { key: 's' } },
    ]);
    await events.write([{ key: `${number}-a/000000000000`, value: {} }]);
    archive.ended({ number, user });
    await archive.prune();
  }
  expect((await collect(archive.records('newest first'))).map(({ number }) => number)).toEqual([5, 4, 3]);
  expect((await collect(events.entries())).map(([key]) => key.split('-')[0])).toEqual(['3', '4', '5']);
  expect(await collect(space.entries({ prefix: 'step/' }))).toHaveLength(3);
  await expect(archive.find('1')).rejects.toMatchObject({ code: 'not_found' });
  await registry.close();
});

describe('a node that arrives', () => {
  test('starts bootnode once for each of its lives', async () => {
    const ours = agents();
    ours.behaviour = () => 'silent';
    const asked: object[] = [];
    const bootnode: Verb = {
      ...verb(({ operands, options, user }) => {
        asked.push({ operands, options, user });
        return { state: null, effects: [task({ on: { role: 'node' } })] };
      }, endWithTask),
      name: 'bootnode',
    };
    await manager([bootnode], ours);
    const facts = JSON.stringify({ imageDigest: 'd1', bootId: 'b1', kernel: '6.1', notes: { nonce: 'x=y' }, arch: 7 });
    const arrival = { agent: 'n1', kind: 'node', incarnation: 'i1', once: true, first: true, facts } as const;
    await ours.arrive(arrival);
    await ours.arrive(arrival);
    await ours.arrive({ ...arrival, first: false, incarnation: 'i0' });
    await ours.arrive({ ...arrival, kind: 'service', incarnation: 'i9' });
    await ours.arrive({ ...arrival, incarnation: 'i2', once: false, facts: '' });
    expect(asked).toEqual([
      {
        operands: ['n1'],
        user: 'agent:n1',
        options: {
          agent: ['n1'],
          incarnation: ['i1'],
          imagedigest: ['d1'],
          bootid: ['b1'],
          kernel: ['6.1'],
          notes: ['nonce=x=y'],
          once: [''],
        },
      },
      { operands: ['n1'], user: 'agent:n1', options: { agent: ['n1'], incarnation: ['i2'] } },
    ]);
    await ours.arrive({ ...arrival, incarnation: 'i3', facts: 'no JSON' });
    expect(asked).toHaveLength(3);
  });
});
