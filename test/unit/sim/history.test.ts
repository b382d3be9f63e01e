import { describe, expect, it } from 'vitest';
import { SimEngine } from '../../sim/engine.ts';
import { type Report, faultsIn, faultsInReports, faultsInStates } from '../../sim/history.ts';
import { installations, reportOf, statesAfter } from '../../sim/reports.ts';

/*
 * The checker of histories is what the tests of kill -9 rest on: each kind of broken history has to be seen.
 */

const asked = [{ id: 'j.1', agent: 'a' }];
const done = { outcome: 'done', result: '{}', startedAt: 1, endedAt: 2 } as const;
const failed = { outcome: 'failed', code: 'internal', message: 'no', startedAt: 1, endedAt: 2 } as const;

function ran(times: number, agent = 'a') {
  const begun = new Map(times > 0 ? [['j.1', times]] : []);
  return new Map([[agent, { spool: { begun } }]]);
}

describe('a history of tasks', () => {
  it('without fault has none, also when everything was told twice', async () => {
    const engine = new SimEngine();
    for (let time = 0; time < 2; time++) {
      engine.started('j.1', 'a', 5);
      await engine.result('j.1', 'a', done);
    }
    expect(faultsIn(asked, engine, ran(1))).toEqual([]);
  });

  it.each<[string, (engine: SimEngine) => Promise<void> | void, number, RegExp]>([
    ['an end that is lost', (engine) => engine.started('j.1', 'a', 5), 1, /0 ends, 0 losses/],
    [
      'two different ends',
      async (engine) => {
        engine.started('j.1', 'a', 5);
        await engine.result('j.1', 'a', done);
        await engine.result('j.1', 'a', failed);
      },
      1,
      /ended in 2 different ways/,
    ],
    [
      'an end that counted twice',
      async (engine) => {
        engine.started('j.1', 'a', 5);
        await engine.result('j.1', 'a', done);
        engine.applied.push({ id: 'j.1', agent: 'a', end: done });
      },
      1,
      /2 ends/,
    ],
    [
      'an end and a loss',
      async (engine) => {
        engine.started('j.1', 'a', 5);
        await engine.result('j.1', 'a', done);
        await engine.lost('j.1', 'a', 'gone');
      },
      1,
      /1 ends, 1 losses/,
    ],
    [
      'a second start',
      async (engine) => {
        engine.started('j.1', 'a', 5);
        engine.started('j.1', 'a', 6);
        await engine.result('j.1', 'a', done);
      },
      1,
      /was started 2 times/,
    ],
    [
      'a start after the end',
      async (engine) => {
        engine.started('j.1', 'a', 5);
        await engine.result('j.1', 'a', done);
        engine.started('j.1', 'a', 6);
      },
      1,
      /started after it had ended/,
    ],
    [
      'a first start that came after the end',
      async (engine) => {
        await engine.result('j.1', 'a', done);
        engine.started('j.1', 'a', 5);
      },
      1,
      /started after it had ended/,
    ],
    ['a start that is lost', (engine) => engine.result('j.1', 'a', done), 1, /its start was never told/],
    [
      'an end of what never ran',
      async (engine) => {
        engine.started('j.1', 'a', 5);
        await engine.result('j.1', 'a', done);
      },
      0,
      /never ran/,
    ],
    [
      'what ran twice',
      async (engine) => {
        engine.started('j.1', 'a', 5);
        await engine.result('j.1', 'a', done);
      },
      2,
      /begun 2 times by a/,
    ],
    [
      'an end by somebody else',
      async (engine) => {
        engine.started('j.1', 'a', 5);
        await engine.result('j.1', 'b', done);
      },
      1,
      /was given to a, and b told of it/,
    ],
    [
      'an end that nobody asked for',
      async (engine) => {
        for (const id of ['j.1', 'j.2']) {
          engine.started(id, 'a', 5);
          await engine.result(id, 'a', done);
        }
      },
      1,
      /j\.2 was told of and never asked for/,
    ],
  ])('with %s has a fault', async (_, happens, times, fault) => {
    const engine = new SimEngine();
    await happens(engine);
    expect(faultsIn(asked, engine, ran(times))).toContainEqual(expect.stringMatching(fault));
  });

  it('that ran at the wrong agent has a fault', async () => {
    const engine = new SimEngine();
    engine.started('j.1', 'a', 5);
    await engine.result('j.1', 'a', done);
    expect(faultsIn(asked, engine, ran(1, 'b'))).toContainEqual(expect.stringMatching(/begun 1 times by b/));
  });

  it('goes on in the next process in the order in which things were told, whatever the order of the lines', () => {
    const line = { id: 'j.1', agent: 'a' };
    const engine = new SimEngine();
    engine.recall([
      { ...line, what: 'started', when: 3, at: 6 },
      { ...line, what: 'result', when: 2, end: done },
      { ...line, what: 'started', when: 1, at: 5 },
    ]);
    expect(engine.of('j.1').starts).toEqual([
      { agent: 'a', at: 5, late: false },
      { agent: 'a', at: 6, late: true },
    ]);
  });
});

describe('a history of reports', () => {
  const told = new Map([
    ['a', [1, 2, 3]],
    ['b', [1]],
  ]);
  const all: readonly Report[] = [
    { agent: 'a', number: 1 },
    { agent: 'b', number: 1 },
    { agent: 'a', number: 2 },
    { agent: 'a', number: 3 },
  ];

  it('without fault has none', () => {
    expect(faultsInReports(told, all)).toEqual([]);
  });

  it.each<[string, readonly Report[], string]>([
    ['a lost one', all.slice(0, 3), 'report 3 of a is lost'],
    ['one that counted twice', [...all, { agent: 'a', number: 3 }], 'report 3 of a was applied 2 times'],
    ['an invented one', [...all, { agent: 'a', number: 4 }], 'report 4 of a was applied and never told'],
    ['one of nobody', [...all, { agent: 'c', number: 1 }], 'report 1 of c was applied and never told'],
    ['another order', [...all].reverse(), 'report 1 of a was applied after 3'],
  ])('with %s has a fault', (_, effects, fault) => {
    expect(faultsInReports(told, effects)).toContain(fault);
  });
});

describe('a history of what adds up to a state', () => {
  const wanted = statesAfter('a', 40, 0);

  it('without fault has none', () => {
    expect(wanted.get('a')).toEqual({ 'agent.store': 'https://127.0.0.1:40' });
    expect([...wanted.keys()].filter((name) => name.startsWith('a-i'))).toHaveLength(installations(40).length);
    expect(faultsInStates(wanted, statesAfter('a', 40, 0))).toEqual([]);
  });

  it('shows the last report that is lost, and one that was never made', () => {
    const fewer = statesAfter('a', 38, 0);
    expect(faultsInStates(wanted, fewer).length).toBeGreaterThan(0);
    expect(faultsInStates(fewer, wanted).length).toBeGreaterThan(0);
  });

  it('shows each report of a boot that is left out', () => {
    for (let missing = 1; missing <= 40; missing++) {
      if (reportOf('a', missing, 0).nodeEvent === undefined) continue;
      const found = statesAfter('a', 40, 0, (number) => (number === missing ? [] : [number]));
      expect(faultsInStates(wanted, found), `without ${missing}`).not.toEqual([]);
    }
  });

  it('shows one that was told of another node', () => {
    const found = new Map([...wanted, ['a-b9', { 'nodelist.status': 'booted' }] as const]);
    expect(faultsInStates(wanted, found)).toEqual(['a-b9 has a state that nobody told of']);
  });
});
