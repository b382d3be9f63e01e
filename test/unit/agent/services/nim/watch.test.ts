import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { lookEveryMs, NimWatch } from '../../../../../agent/services/nim/watch.ts';
import { parseStanzas, type NimObject } from '../../../../../agent/tasks/nim/objects.ts';
import { standingOf } from '../../../../../agent/tasks/nim/standing.ts';
import { writeReporter } from '../../../../../agent/tasks/nim/reporters.ts';
import { unwatchNode, watchedNodes, watchNode } from '../../../../../agent/tasks/nim/watched.ts';

const machine = (type: string, ...lines: string[]): NimObject | undefined =>
  parseStanzas(`n1:\n   class = machines\n   type = ${type}\n${lines.map((line) => `   ${line}\n`).join('')}`)[0];
const enabled = 'Cstate = BOS installation has been enabled';
const ready = 'Cstate = ready for a NIM operation';
const ok = 'Cstate_result = success';
const installing = 'Cstate = Base Operating System installation is being performed';

describe('from NIM’s states to the words that people know', () => {
  test.each([
    ['set up, not booted', ['standalone', enabled, ok, 'Mstate = currently running'], undefined, '', false],
    ['on its way', ['standalone', enabled, ok, 'Mstate = in the process of booting'], 'nim-booting', '', false],
    [
      'being installed',
      ['standalone', installing, ok, 'info = BOS install 40% complete : x'],
      'nim-installing',
      'BOS install 40% complete : x',
      false,
    ],
    [
      'a step tells that it is being installed',
      ['standalone', enabled, ok, 'info = Making disks'],
      'nim-installing',
      'Making disks',
      false,
    ],
    ['installed', ['standalone', ready, ok], 'nim-booted', '', true],
    [
      'failed',
      ['standalone', installing, 'Cstate_result = failure', 'err_info = no', 'disk'],
      'nim-failed',
      'no disk',
      true,
    ],
    ['reset by hand', ['standalone', ready, 'Cstate_result = reset'], undefined, '', true],
    [
      'diskless, not booted',
      ['diskless', 'Cstate = diskless or dataless boot is enabled', 'Mstate = not running'],
      undefined,
      '',
      false,
    ],
    [
      'diskless, on its way',
      ['diskless', 'Cstate = diskless or dataless boot is enabled', 'Mstate = in the process of booting'],
      'nim-netbooting',
      '',
      false,
    ],
    [
      'diskless, up',
      ['diskless', 'Cstate = diskless or dataless boot is enabled', 'Mstate = currently running'],
      'nim-booted',
      '',
      true,
    ],
    ['diskless, reset', ['diskless', ready, 'Mstate = currently running'], undefined, '', true],
  ])('%s', (_what, [type = '', ...lines], stage, detail, over) => {
    expect(standingOf(machine(type, ...lines))).toEqual({ stage, detail, over });
  });

  test('forgotten by NIM', () => {
    expect(standingOf(undefined)).toEqual({ stage: undefined, detail: '', over: true });
  });
});

describe('the watch', () => {
  let home: string;
  let now: number;
  let known: Map<string, NimObject>;
  let looks: number;
  let told: string[];
  const open = (): NimWatch =>
    new NimWatch({
      home,
      now: () => now,
      look: () => {
        looks += 1;
        return Promise.resolve(known);
      },
      report: ({ node, stage, detail }) => told.push([node, stage, detail].join(' ')),
      log: () => {},
    });
  const nim = (...lines: string[]): void => {
    const object = machine('standalone', ...lines);
    if (object) known.set('n1', object);
  };
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'hostler-watch-'));
    now = 1_000_000;
    known = new Map();
    looks = 0;
    told = [];
  });
  afterEach(() => {
    rmSync(home, { recursive: true, force: true });
  });

  test('asks nothing while nobody waits, tells each change once, and ends with the installation', async () => {
    const watch = open();
    await watch.look();
    expect(looks).toBe(0);
    await watchNode(home, { node: 'n1.x', name: 'n1', since: now });
    for (const lines of [
      [enabled, ok],
      [installing, ok, 'info = 10%'],
      [installing, ok, 'info = 10%'],
      [installing, ok, 'info = 20%'],
      [ready, ok],
      [ready, ok],
    ]) {
      nim(...lines);
      now += lookEveryMs(1);
      await watch.look();
      await watch.look();
    }
    expect(told).toEqual(['n1.x nim-installing 10%', 'n1.x nim-installing 20%', 'n1.x nim-booted ']);
    expect(looks).toBe(5);
    expect(readdirSync(join(home, 'nim-watch'))).toEqual([]);
  });

  test('outlives the agent: the next one looks on', async () => {
    await watchNode(home, { node: 'n1', name: 'n1', since: now });
    nim(installing, ok, 'info = 10%');
    await open().look();
    nim(ready, ok);
    await open().look();
    expect(told).toEqual(['n1 nim-installing 10%', 'n1 nim-booted ']);
  });

  test('a node that speaks for itself: NIM’s word until then, and none after', async () => {
    for (const spoke of [false, true]) {
      told = [];
      await writeReporter(home, {
        node: 'n1',
        name: 'n1',
        address: '10.0.0.1',
        since: now,
        ...(spoke && { spokeAt: now + 1 }),
      });
      await watchNode(home, { node: 'n1', name: 'n1', since: now, reports: true });
      nim(ready, ok);
      await open().look();
      expect(told).toEqual(spoke ? [] : ['n1 nim-booted ']);
      expect(await watchedNodes(home, now)).toEqual([]);
    }
  });

  test('forgets after a day, and what cannot be read', async () => {
    await watchNode(home, { node: 'n1', name: 'n1', since: now });
    writeFileSync(join(home, 'nim-watch/n2'), 'nonsense');
    expect(await watchedNodes(home, now)).toHaveLength(1);
    expect(await watchedNodes(home, now + 25 * 3_600_000)).toEqual([]);
  });

  test('a node that was set up anew while its old end was seen is still watched', async () => {
    await watchNode(home, { node: 'n1', name: 'n1', since: 2 });
    await unwatchNode(home, 'n1', { node: 'n1', name: 'n1', since: 1 });
    expect(await watchedNodes(home, 3)).toHaveLength(1);
    await unwatchNode(home, 'n1');
    expect(await watchedNodes(home, 3)).toEqual([]);
  });

  test('a master that does not answer is asked again, in its time', async () => {
    await watchNode(home, { node: 'n1', name: 'n1', since: now });
    const watch = new NimWatch({
      home,
      now: () => now,
      report: () => {},
      log: () => {},
      look: () => Promise.reject(new Error('away')),
    });
    await expect(watch.look()).rejects.toThrow('away');
    await watch.look();
    now += lookEveryMs(1);
    await expect(watch.look()).rejects.toThrow('away');
  });
});
