import { describe, expect, test } from 'vitest';
import type { Verb } from '../../../../shared/verb/verb.ts';
import { Agents, type Manager, collect, disk, done, failed, request, startManager, texts } from './harness.ts';

const change = (
  name: string,
  values: Record<string, string>,
): { type: string; name: string; values: Record<string, string> } => ({
  type: 'osimage',
  name,
  values,
});

/** Two tasks, three commits of which two stand in one step, words, an observation. */
const build: Verb<{ readonly step: string; readonly heard: readonly string[] }> = {
  name: 'build',
  version: 1,
  changes: true,
  start: () => ({
    state: { step: 'building', heard: [] },
    effects: [
      { do: 'say', text: 'begin' },
      {
        do: 'run',
        task: {
          key: 'build',
          kind: 'image-build',
          title: 'Build',
          on: { role: 'build' },
          spec: { n: 1 },
          lock: 'image:i',
        },
      },
    ],
  }),
  on: (state, report) => {
    const heard = [...state.heard, report.about === 'cancel' ? 'cancel' : `${report.about}:${report.key}`];
    if (report.about === 'task' && report.key === 'build') {
      return {
        state: { step: 'packing', heard },
        effects: [
          { do: 'say', text: 'built' },
          { do: 'commit', key: 'built', changes: [change('i', { 'osimage.built': 'yes' })] },
          { do: 'say', text: 'noted' },
          { do: 'commit', key: 'again', changes: [change('i', { 'osimage.again': 'yes' })] },
          {
            do: 'run',
            task: {
              key: 'pack',
              kind: 'image-pack',
              title: 'Pack',
              on: { role: 'build' },
              spec: { n: 2 },
              lock: 'image:i',
            },
          },
        ],
      };
    }
    if (report.about === 'task') {
      return {
        state: { step: 'ending', heard },
        effects: [
          { do: 'observe', type: 'osimage', name: 'i', values: { digest: 'd1' } },
          { do: 'commit', key: 'packed', changes: [change('i', { 'osimage.packed': 'yes' })] },
          { do: 'say', text: heard.join(' ') },
          { do: 'done', exit: 0 },
        ],
      };
    }
    return { state: { ...state, heard }, effects: [] };
  },
};

async function settled(manager: Manager, id: string): Promise<boolean> {
  return (await manager.jobs.show(id)).summary?.state === 'done';
}

/** Runs the verb; the manager dies at the given write. The number of writes of the first life, or undefined: it lived. */
async function lifeAndDeath(write: number, mode: 'before' | 'after'): Promise<{ died: boolean }> {
  const onDisk = await disk();
  const agents = new Agents();
  agents.behaviour = (task) => done({ of: task.kind });
  const first = await startManager(onDisk, agents, [build]);
  first.store.dieAt(write, mode);
  let acknowledged = false;
  void first.jobs.run(request('build')).then(() => (acknowledged = true));
  await expect
    .poll(async () => first.store.dead || (acknowledged && (await settled(first, '1'))), {
      interval: 1,
    })
    .toBe(true);
  if (!first.store.dead) {
    await check(first, agents);
    return { died: false };
  }
  const second = await startManager(onDisk, agents, [build]);
  const known = await second.jobs.list({ limit: 10, runningOnly: false });
  if (known.length === 0) {
    // It died before the job was acknowledged, and nothing of it is there.
    expect({ write, mode, revision: second.registry.view.revision }).toEqual({ write: 0, mode: 'before', revision: 0 });
    return { died: true };
  }
  await expect.poll(() => settled(second, '1'), { interval: 1 }).toBe(true);
  await check(second, agents);
  await second.jobs.close();
  await second.registry.close();
  return { died: true };
}

async function check({ registry, jobs }: Manager, agents: Agents): Promise<void> {
  const history = await collect(registry.history({ from: 1 }));
  expect(history.map(({ revision, changes, user }) => [revision, user, Object.keys(changes[0]?.values ?? {})])).toEqual(
    [
      [1, 'ann', ['osimage.built']],
      [2, 'ann', ['osimage.again']],
      [3, 'ann', ['osimage.packed']],
    ],
  );
  expect([...agents.runs.values()]).toEqual([1, 1]);
  expect(registry.view.reported('osimage', 'i')).toEqual({ digest: 'd1' });
  const [job] = await jobs.list({ limit: 1, runningOnly: false });
  const events = await collect(jobs.follow(job?.id ?? '', 0, true, new AbortController().signal));
  expect(texts(events)).toEqual(['begin', 'built', 'noted', 'task:build commit:built commit:again task:pack']);
  expect(events[0]?.started).toMatchObject({ verb: 'build' });
  expect(events.at(-1)?.finished).toMatchObject({ exit: 0, state: 'done' });
  const positions = events.map(({ position }) => position);
  expect(positions).toEqual([...new Set(positions)].sort((a, b) => a - b));
  const steps = events.flatMap(({ step }) => (step ? [`${step.task ?? ''} ${step.state ?? ''}`] : []));
  expect(steps.filter((step) => step.endsWith('done'))).toHaveLength(2);
  expect(await collect(registry.space('jobs').entries({ prefix: 'spec/' }))).toEqual([]);
}

describe.each(['before', 'after'] as const)('a manager that dies %s a write reaches the disk', (mode) => {
  test('goes on in its next life, and nothing is done or said twice', async () => {
    let write = 0;
    while ((await lifeAndDeath(write, mode)).died) write++;
    // Fewer writes would mean that the test does not see them.
    expect(write).toBeGreaterThan(6);
  });
});

test('dying again and again at every second write still comes to the right end', async () => {
  const onDisk = await disk();
  const agents = new Agents();
  let lives = 0;
  for (let ended = false; !ended; lives++) {
    const manager = await startManager(onDisk, agents, [build]);
    manager.store.dieAt(1, lives % 2 === 0 ? 'before' : 'after');
    if (lives === 0) void manager.jobs.run(request('build'));
    const end = async (): Promise<boolean> => {
      ended = await settled(manager, '1').catch(() => false);
      return manager.store.dead || ended;
    };
    await expect.poll(end, { interval: 1 }).toBe(true);
  }
  expect(lives).toBeGreaterThan(2);
  const last = await startManager(onDisk, agents, [build]);
  await expect.poll(() => settled(last, '1'), { interval: 1 }).toBe(true);
  await check(last, agents);
});

test('a state that no verb can read ends the job with a reason, and a migration carries it over', async () => {
  const onDisk = await disk();
  const agents = new Agents();
  agents.behaviour = () => 'silent';
  const first = await startManager(onDisk, agents, [build]);
  await first.jobs.run(request('build'));
  await first.jobs.close();

  const newer: Verb = { ...build, version: 2, migrate: (state, from) => ({ from, old: state }) };
  const second = await startManager(onDisk, agents, [
    {
      ...newer,
      on: (state) => ({
        state,
        effects: [
          { do: 'data', value: state },
          { do: 'done', exit: 0 },
        ],
      }),
    },
  ]);
  agents.finish('1', done());
  const [job] = await second.jobs.list({ limit: 1, runningOnly: true });
  agents.finish(`${job?.id ?? ''}.build`, done());
  const events = await collect(second.jobs.follow('1', 0, true, new AbortController().signal));
  expect(JSON.parse(events.find(({ data }) => data)?.data?.json ?? '')).toMatchObject({
    from: 1,
    old: { step: 'building' },
  });

  await second.jobs.run(request('build'));
  await second.jobs.close();
  const third = await startManager(onDisk, agents, []);
  // Its task is asked to stop first.
  expect(new Set(agents.cancelled.map(({ task }) => task.split('.')[1]))).toEqual(new Set(['build']));
  for (const task of agents.runs.keys()) agents.finish(task, failed('stopped'));
  await expect.poll(async () => (await third.jobs.show('2')).summary?.state).toBe('failed');
  expect((await third.jobs.show('2')).message).toMatch(/another version of Hostler.*no command build/);
});
