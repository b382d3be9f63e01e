import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { TaskFolder } from '../../../../agent/spool/folder.ts';
import { Spool } from '../../../../agent/spool/spool.ts';
import type { SpoolSettings } from '../../../../agent/spool/spool.ts';
import { isAlive } from '../../../../shared/process/alive.ts';
import { FakeLink } from '../../../fixtures/agent/fake-link.ts';
import { testKinds } from '../../../fixtures/agent/test-kinds.ts';
import { testProgram } from '../../../fixtures/agent/test-program.ts';
import type { TestSpec } from '../../../fixtures/agent/test-kinds.ts';

let home: string;
let spools: Spool[];

const settings = (more: Partial<SpoolSettings> = {}): SpoolSettings => ({
  home,
  installDir: join(home, 'install'),
  tftpDir: join(home, 'tftpboot'),
  incarnation: 'a'.repeat(32),
  kinds: testKinds,
  roles: ['build'],
  program: { argv: testProgram, graceMs: 1_000 },
  log: { info: () => {}, warn: () => {} },
  everyMs: 20,
  ...more,
});

async function open(link: FakeLink, more: Partial<SpoolSettings> = {}): Promise<Spool> {
  const spool = await Spool.open(settings(more));
  spools.push(spool);
  spool.start(link);
  spool.welcome(new Map());
  return spool;
}

const task = (id: string, spec: Omit<TestSpec, 'folder'>, more: object = {}): Parameters<Spool['task']>[0] => ({
  id,
  kind: 'test',
  kindVersion: 1,
  spec: JSON.stringify({ folder: home, ...spec }),
  title: `test ${id}`,
  ...more,
});

async function until<T>(what: () => T | undefined | false): Promise<T> {
  for (let i = 0; i < 1_000; i += 1) {
    const found = what();
    if (found !== undefined && found !== false) return found;
    await new Promise((done) => setTimeout(done, 10));
  }
  throw new Error(`not within 10 s: ${what.toString()}`);
}

const result = (link: FakeLink, id: string): ReturnType<FakeLink['results']>[number] | undefined => link.results(id)[0];
const folderOf = (id: string): TaskFolder => new TaskFolder(join(home, 'spool', id));
const runs = (): string[] => readFileSync(join(home, 'runs'), 'utf8').trim().split('\n');
const release = (): string => join(home, 'release');

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'hostler-spool-'));
  spools = [];
});
afterEach(async () => {
  writeFileSync(release(), '');
  for (const spool of spools) await spool.stop();
  for (const name of readdirSync(join(home, 'spool'))) {
    const start = folderOf(name).start();
    if (start !== undefined && isAlive(start.pid, start.startTime)) process.kill(start.pid, 'SIGKILL');
  }
  rmSync(home, { recursive: true, force: true });
});

describe('spool', () => {
  test('a task runs, its whole log is told before its result, and its folder goes with the acknowledgement', async () => {
    const link = new FakeLink();
    const spool = await open(link);
    await spool.task(task('1.a', { lines: 3_000 }));
    const end = await until(() => result(link, '1.a'));
    expect(end).toMatchObject({ outcome: 'done', result: '"well done"' });
    expect(link.logOf('1.a').trim().split('\n')).toHaveLength(3_000);
    expect(link.reports.map((body) => body.body)).toEqual(['started', 'result']);
    expect(link.told.findLast((body) => 'progress' in body)?.progress).toMatchObject({ done: 3_000, total: 3_000 });
    expect(existsSync(folderOf('1.a').dir)).toBe(true);
    link.acknowledgeAll(spool);
    await spool.settled(AbortSignal.timeout(5_000));
    expect(existsSync(folderOf('1.a').dir)).toBe(false);
    // It comes again, perhaps to the next agent of this incarnation: known, not run.
    await spool.task(task('1.a', {}));
    const next = await open(new FakeLink());
    await next.task(task('1.a', {}));
    expect(next.openTasks()).toEqual([]);
    expect(runs()).toEqual(['1.a']);
  });

  test('the agent goes and another one finds the task again: it runs on, once, and its log has no gap', async () => {
    const first = new FakeLink();
    const before = await open(first);
    await before.task(task('2.a', { lines: 5, until: release() }));
    await until(() => first.logOf('2.a').includes('line 4'));
    await before.stop();
    const link = new FakeLink();
    const after = await open(link);
    expect(after.openTasks()).toEqual([{ id: '2.a', state: 'running' }]);
    after.welcome(new Map([['2.a', 7]]));
    writeFileSync(release(), '');
    expect(await until(() => result(link, '2.a'))).toMatchObject({ outcome: 'done' });
    expect(link.told.filter((body) => 'log' in body).at(-1)?.log?.offset).toBe(7);
    expect(link.reports.map((body) => body.body)).toEqual(['result']);
    expect(runs()).toEqual(['2.a']);
  });

  test('a task whose process is killed: failed, with the reason and the last lines; children gone, cleaned up', async () => {
    const link = new FakeLink();
    const spool = await open(link);
    await spool.task(task('3.a', { lines: 2, child: true }));
    const child = Number(await until(() => /child (\d+)/.exec(link.logOf('3.a'))?.[1]));
    expect(isAlive(child)).toBe(true);
    process.kill(folderOf('3.a').start()?.pid ?? 0, 'SIGKILL');
    const end = await until(() => result(link, '3.a'));
    expect(end).toMatchObject({ outcome: 'failed', code: 'internal' });
    expect(end.message).toContain('SIGKILL');
    expect(end.message).toContain('line 1 of 3.a');
    expect(isAlive(child)).toBe(false);
    expect(readFileSync(join(home, 'cleaned'), 'utf8')).toBe('3.a');
    expect(link.logOf('3.a')).toContain('cleaning up');
  });

  test('failures: the sentence of the task, and an error that nobody caught', async () => {
    const link = new FakeLink();
    const spool = await open(link);
    await spool.task(task('4.a', { throws: 'no package of the name nosuch' }));
    await spool.task(task('4.b', { crash: true, until: release() }));
    expect(await until(() => result(link, '4.a'))).toMatchObject({
      outcome: 'failed',
      code: 'failed_precondition',
      message: 'no package of the name nosuch',
    });
    expect((await until(() => result(link, '4.b'))).message).toContain('nobody caught this');
  });

  test('cancel: polite, by force when it does not listen, at once while it waits, late when it must not be stopped', async () => {
    const link = new FakeLink();
    const spool = await open(link, { concurrency: 3 });
    await spool.task(task('5.polite', { child: true }));
    await spool.task(task('5.deaf', { lines: 1, until: release(), deaf: true }));
    await spool.task(task('5.never', { lines: 1, until: release() }, { uninterruptible: true }));
    await spool.task(task('5.waits', {}));
    await until(
      () => link.logOf('5.polite').includes('child') && link.logOf('5.deaf') !== '' && link.logOf('5.never') !== '',
    );
    for (const id of ['5.polite', '5.deaf', '5.never', '5.waits']) spool.cancel(id, 'root cancelled job 5');
    expect(await until(() => result(link, '5.waits'))).toMatchObject({
      outcome: 'cancelled',
      message: 'root cancelled job 5',
    });
    expect(await until(() => result(link, '5.polite'))).toMatchObject({ outcome: 'cancelled', code: 'cancelled' });
    expect((await until(() => result(link, '5.deaf'))).message).toContain('ended by force');
    await until(() => link.logOf('5.never').includes('must not be stopped half-way'));
    expect(link.results('5.never')).toEqual([]);
    writeFileSync(release(), '');
    expect(await until(() => result(link, '5.never'))).toMatchObject({ outcome: 'done' });
  });

  test('a process that never begins with its task: cancelled all the same; one that dies at once is told', async () => {
    const link = new FakeLink();
    const spool = await open(link, {
      program: { argv: [process.execPath, '-e', 'setTimeout(() => {}, 60000)'], graceMs: 100 },
    });
    await spool.task(task('11.a', {}));
    await until(() => spool.openTasks()[0]?.state === 'running');
    spool.cancel('11.a', 'no longer wanted');
    expect(await until(() => result(link, '11.a'))).toMatchObject({ outcome: 'cancelled' });
    const other = new FakeLink();
    const dies = await open(other, {
      home: join(home, 'other'),
      program: { argv: ['/bin/sh', '-c', 'echo no node here; exit 7'], graceMs: 100 },
    });
    await dies.task(task('11.b', {}));
    const end = await until(() => result(other, '11.b'));
    expect(end).toMatchObject({ outcome: 'failed', code: 'internal' });
    expect(end.message).toMatch(/exit 7.*no node here/);
  });

  test('deadlines hold for running and for waiting tasks', async () => {
    const link = new FakeLink();
    const spool = await open(link, { concurrency: 1 });
    await spool.task(task('6.a', { until: release() }, { deadline: 1 }));
    await spool.task(task('6.b', { until: release() }, { deadline: 1 }));
    expect(await until(() => result(link, '6.a'))).toMatchObject({ outcome: 'failed', code: 'deadline_exceeded' });
    expect(await until(() => result(link, '6.b'))).toMatchObject({ outcome: 'failed', code: 'deadline_exceeded' });
  });

  test('what the agent cannot do is refused at once, by name', async () => {
    const link = new FakeLink();
    const spool = await open(link);
    await spool.task({ ...task('7.a', {}), kind: 'brew-coffee' });
    await spool.task({ ...task('7.b', {}), kindVersion: 3 });
    await spool.task({ ...task('7.c', {}), spec: '{' });
    const other = new FakeLink();
    const noRole = await open(other, { roles: ['boot'], home: join(home, 'other') });
    await noRole.task(task('7.d', {}));
    expect(await until(() => result(link, '7.a'))).toMatchObject({ code: 'unimplemented' });
    expect(await until(() => result(link, '7.b'))).toMatchObject({ code: 'unimplemented' });
    expect(await until(() => result(link, '7.c'))).toMatchObject({ code: 'invalid_argument' });
    expect((await until(() => result(other, '7.d'))).message).toContain('role build');
  });

  test('hostile ids stay in the spool', async () => {
    const link = new FakeLink();
    const spool = await open(link);
    await spool.task(task('../../../8.a', {}));
    await spool.task({ ...task('8.b', {}), id: 'a\nb' });
    await until(() => result(link, '../../../8.a'));
    expect(readdirSync(join(home, 'spool')).filter((name) => !name.startsWith('.'))).toEqual([
      expect.stringMatching(/^x-[0-9a-f]{64}$/),
    ]);
  });

  test('a new incarnation does not know the tasks of the old one, but cleans up after them', async () => {
    const old = new FakeLink();
    const before = await open(old);
    await before.task(task('9.a', { lines: 1, until: release() }));
    await until(() => old.logOf('9.a') !== '');
    await before.stop();
    const pid = folderOf('9.a').start()?.pid ?? 0;
    process.kill(pid, 'SIGKILL');
    await until(() => !isAlive(pid));
    const link = new FakeLink();
    const after = await open(link, { incarnation: 'b'.repeat(32) });
    expect(after.openTasks()).toEqual([]);
    await until(() => existsSync(join(home, 'cleaned')) && !existsSync(folderOf('9.a').dir));
    expect(link.reports).toEqual([]);
  });

  test('nothing is lost while the link is down, and pieces that did not arrive are told again', async () => {
    const link = new FakeLink();
    const spool = await open(link);
    await spool.task(task('10.a', { lines: 3, until: release() }));
    await until(() => link.logOf('10.a').includes('line 2'));
    link.connected = false;
    link.told.length = 0;
    writeFileSync(release(), '');
    await until(() => folderOf('10.a').result());
    expect(link.results('10.a')).toEqual([]);
    link.connected = true;
    spool.welcome(new Map([['10.a', 0]]));
    await until(() => result(link, '10.a'));
    expect(link.logOf('10.a')).toContain('line 0');
  });

  test('with the manager away for long a result is reported with its log before it, so that it may outlive this machine', async () => {
    const link = new FakeLink();
    const program = { argv: testProgram, graceMs: 1_000, awayMs: 300 };
    const spool = await open(link, { program });
    await spool.task(task('11.a', { lines: 3, until: release() }));
    await until(() => link.logOf('11.a').includes('line 0'));
    spool.welcome(new Map([['11.a', 5]]));
    link.connected = false;
    writeFileSync(release(), '');
    await until(() => result(link, '11.a'));
    const bodies = link.reports.map(({ body }) => body);
    expect(bodies).toEqual(['started', 'log', 'result']);
    const log = link.reports[1]?.log;
    expect(log?.offset).toBe(5);
    expect(Buffer.from(log?.text ?? '').toString()).toContain('line 2 of 11.a');
    // Said once, also to a manager that comes back; the folder goes when it has it.
    link.connected = true;
    spool.welcome(new Map([['11.a', 5]]));
    link.acknowledgeAll(spool);
    await spool.settled(AbortSignal.timeout(5_000));
    expect(link.results('11.a')).toHaveLength(1);
    // The next agent of this life, never welcomed, tells as well.
    const alone = new FakeLink();
    alone.connected = false;
    const next = await Spool.open(settings({ program }));
    spools.push(next);
    next.start(alone);
    await next.task(task('11.b', { lines: 1 }));
    await until(() => result(alone, '11.b'));
    expect(alone.reports.map(({ body }) => body)).toEqual(['started', 'log', 'result']);
  });
});
