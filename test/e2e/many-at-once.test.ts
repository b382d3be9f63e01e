// bound: 120 s
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunRequest } from '../../shared/wire/generated/hostler/v1/RunRequest.ts';
import { type Command, commandsFor } from '../tools/commands.ts';
import type { Answer, Client, Done, Work } from '../tools/many-clients.ts';
import { RealManager } from '../tools/real-manager.ts';
import { root } from '../tools/step.ts';

const processes = 4;
const rounds = 4;

let manager: RealManager;
let run: Command;

beforeAll(async () => {
  manager = await RealManager.start();
  run = commandsFor(manager.env);
}, 30_000);

afterAll(() => manager.dispose());

const numbers = (count: number): number[] => Array.from({ length: count }, (_, number) => number);

function command(verb: string, operands: readonly string[], options: readonly string[] = []): RunRequest {
  return { verb, operands: [...operands], options: Object.fromEntries(options.map((name) => [name, { items: [''] }])) };
}

const onSite = (assignment: string): RunRequest => ({
  ...command('chdef', ['clustersite', assignment]),
  options: { t: { items: ['site'] } },
});

/** 50 clients change one object, each an attribute of its own: nobody is in anybody's way. */
const beside = numbers(50).map((who): Client => ({
  commands: numbers(rounds).map((round) => onSite(`own${String(who)}=round${String(round)}`)),
}));

/** 50 clients add to one list: each touches what the others touch. */
const added = (who: number, round: number): string => `g${String(who)}r${String(round)}`;
const adders = numbers(50).map((who): Client => ({
  commands: numbers(rounds).map((round) => command('chdef', ['list', `groups=${added(who, round)}`], ['plus'])),
}));

/** 40 clients set two attributes of five nodes, by one command: they agree at any time. */
const pairValue = (who: number, round: number): string => `w${String(who)}x${String(round)}`;
const pairs = numbers(40).map((who): Client => ({
  commands: numbers(rounds).map((round) => {
    const value = pairValue(who, round);
    return command('chdef', ['pair1-pair5', `rack=${value}`, `room=${value}`]);
  }),
}));

/** 60 clients read them. */
const readers = numbers(60).map((who): Client => ({
  commands: numbers(rounds).map(() =>
    who % 2 === 0
      ? { ...command('lsdef', ['pair1-pair5']), options: { i: { items: ['rack,room'] } } }
      : command('nodels', ['pair1-pair5', 'nodepos.rack', 'nodepos.room']),
  ),
}));

interface Change {
  readonly type: string;
  readonly name: string;
  readonly values: readonly { readonly key: string; readonly oldValue?: string; readonly newValue?: string }[];
}

interface RevisionRecord {
  readonly revision: number;
  readonly command: string;
  readonly changes: readonly Change[];
}

async function inProcess(clients: readonly Client[]): Promise<Done> {
  const child = fork(join(root, 'test/tools/many-clients.ts'), [manager.home], { execArgv: ['--import', 'tsx'] });
  try {
    await once(child, 'message');
    child.send({ clients } satisfies Work);
    const [done] = (await once(child, 'message')) as [Done];
    return done;
  } finally {
    child.kill('SIGKILL');
  }
}

/** All clients at once, dealt out to the processes; the answers in the order of the clients. */
async function together(clients: readonly Client[]): Promise<(readonly Answer[])[]> {
  const hands = numbers(processes).map((hand) => clients.filter((_, index) => index % processes === hand));
  const done = await Promise.all(hands.map(inProcess));
  return clients.map((_, index) => done[index % processes]?.answers[Math.floor(index / processes)] ?? []);
}

function agreeing(text: string): Set<string> {
  return new Set([...text.matchAll(/(?:rack[=:]|room[=:])\s*(\S+)/g)].map((match) => match[1] ?? ''));
}

describe('two hundred clients at once', () => {
  const all = [...beside, ...adders, ...pairs, ...readers];
  let answers: (readonly Answer[])[] = [];

  beforeAll(async () => {
    await run('mkdef', ['-t', 'node', 'list', 'groups=all']);
    await run('mkdef', ['-t', 'node', 'pair1-pair5', 'groups=pairs', 'rack=none', 'room=none']);
    answers = await together(all);
    // What was acknowledged has to survive this.
    await manager.kill();
    await manager.up();
  }, 100_000);

  it('are all answered, and none is told of a conflict', () => {
    expect(all).toHaveLength(200);
    const failed = answers.flat().filter(({ exit }) => exit !== 0);
    expect(failed).toEqual([]);
    expect(answers.flat()).toHaveLength(200 * rounds);
  });

  it('see one state each: what is written together is read together', () => {
    const seen = answers.slice(-readers.length).flat();
    for (const { text } of seen) expect(agreeing(text).size, text).toBe(1);
    // They looked while it was changed, or nothing was shown.
    expect(new Set(seen.flatMap(({ text }) => [...agreeing(text)])).size).toBeGreaterThan(1);
  });

  it('lose nothing: every change is there and in the history, once and in order', async () => {
    const site = (await run('lsdef', ['-t', 'site', '-l'])).stdout;
    for (const who of numbers(50)) expect(site).toContain(`own${String(who)}=round${String(rounds - 1)}\n`);
    const groups = /groups=(.*)/.exec((await run('lsdef', ['list', '-i', 'groups'])).stdout)?.[1]?.split(',') ?? [];
    const everyGroup = numbers(50).flatMap((who) => numbers(rounds).map((round) => added(who, round)));
    expect([...groups].sort()).toEqual(['all', ...everyGroup].sort());

    const { stdout } = await run('hostler', ['history', '--json', '--limit', '100000']);
    const records = stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as RevisionRecord);
    records.sort((a, b) => a.revision - b.revision);
    // One command, one revision, no gaps.
    const last = records.at(-1)?.revision ?? 0;
    expect(records.map(({ revision }) => revision)).toEqual(
      numbers(records.length).map((n) => last - records.length + 1 + n),
    );
    const now = new Map<string, string | undefined>();
    const written = new Map<string, number>();
    for (const { changes } of records) {
      for (const { type, name, values } of changes) {
        for (const { key, oldValue, newValue } of values) {
          const place = `${type}/${name}/${key}`;
          if (now.has(place)) expect(oldValue).toBe(now.get(place));
          now.set(place, newValue);
          written.set(`${place}=${newValue ?? ''}`, (written.get(`${place}=${newValue ?? ''}`) ?? 0) + 1);
        }
      }
    }
    for (const who of numbers(40)) {
      for (const round of numbers(rounds)) {
        expect(written.get(`node/pair3/nodepos.rack=${pairValue(who, round)}`)).toBe(1);
      }
    }
    expect(now.get('node/list/nodelist.groups')).toBe(groups.join(','));
    const pair = agreeing((await run('lsdef', ['pair1-pair5', '-i', 'rack,room'])).stdout);
    expect([...pair]).toEqual([now.get('node/pair3/nodepos.rack')]);
  });
});
