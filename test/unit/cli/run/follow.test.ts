import { afterEach, describe, expect, it } from 'vitest';
import { Manager } from '../../../../cli/connect/manager.ts';
import { managerPlace } from '../../../../cli/connect/place.ts';
import { Follower, type Start } from '../../../../cli/run/follow.ts';
import type { Event } from '../../../../shared/wire/generated/hostler/v1/Event.ts';
import type { Event__Output } from '../../../../shared/wire/generated/hostler/v1/Event.ts';
import { FakeManager } from '../../../tools/fake-manager.ts';

const fakes: FakeManager[] = [];
afterEach(() => {
  for (const fake of fakes.splice(0)) fake.dispose();
});

function fakeManager(): FakeManager {
  const fake = new FakeManager();
  fakes.push(fake);
  return fake;
}

const started: Event = { position: 0, started: { job: '7', verb: 'genimage', correlation: 'c' } };
const said = (position: number, text: string): Event => ({ position, output: { error: false, text } });
const finished = (position: number, exit = 0): Event => ({
  position,
  finished: { exit, state: 'done', code: '', message: '' },
});

function follow(fake: FakeManager, start: Start = { run: { verb: 'genimage' } }) {
  const seen: string[] = [];
  const notes: string[] = [];
  const left = new AbortController();
  const follower = new Follower(() => new Manager(managerPlace({ HOSTLER_HOME: fake.home }), 'genimage x'), {
    event: async (event: Event__Output) => {
      if (event.output) seen.push(event.output.text);
    },
    note: (text) => void notes.push(text),
    signal: left.signal,
  });
  return { seen, notes, left, follower, ended: follower.follow(start) };
}

describe('Follower', () => {
  it('shows what a verb says and returns how it ended', async () => {
    const fake = fakeManager();
    await fake.start({
      run: (call) => {
        expect(call.metadata.get('hostler-proof')[0]).toMatch(/^[0-9a-f]{64}$/);
        call.write(said(0, 'n01\n'));
        call.write(finished(1, 3));
        call.end();
      },
    });
    const { ended, seen } = follow(fake);
    expect(await ended).toMatchObject({ exit: 3 });
    expect(seen).toEqual(['n01\n']);
  });

  it('goes on where it was when the manager is killed and comes back', async () => {
    const fake = fakeManager();
    const asked: number[] = [];
    await fake.start({
      run: (call) => {
        call.write(started);
        call.write(said(1, 'one\n'), () => setImmediate(() => fake.kill()));
      },
    });
    const { ended, seen, notes, follower } = follow(fake);
    await expect.poll(() => notes.length, { timeout: 5_000 }).toBe(1);
    expect(follower.job).toBe('7');
    await fake.start({
      follow: (call) => {
        asked.push(call.request.position);
        call.write(said(2, 'two\n'));
        call.write(finished(3));
        call.end();
      },
    });
    expect(await ended).toMatchObject({ exit: 0 });
    expect(seen).toEqual(['one\n', 'two\n']);
    expect(asked).toEqual([2]);
    expect(notes.join()).toMatch(/went away.*back/s);
  });

  it('does not guess when the connection breaks before the job has a number', async () => {
    const fake = fakeManager();
    await fake.start({ run: (call) => void call.write(said(0, 'half\n'), () => setImmediate(() => fake.kill())) });
    await expect(follow(fake).ended).rejects.toThrow('broke before the answer was complete');
  });

  it('says what to do when nobody is there', () => {
    const fake = fakeManager();
    return expect(follow(fake).ended).rejects.toThrow(/^No manager answers at .*manager\.sock\. Start one with/);
  });

  it('passes on what the manager refuses', async () => {
    const fake = fakeManager();
    await fake.start({
      run: (call) => void call.emit('error', { code: 7, details: 'You may not.' }),
    });
    await expect(follow(fake).ended).rejects.toThrow('You may not.');
  });

  it('leaves when told, without waiting for the job', async () => {
    const fake = fakeManager();
    await fake.start({ run: (call) => void call.write(started) });
    const { ended, left, follower } = follow(fake);
    await expect.poll(() => follower.job, { timeout: 5_000 }).toBe('7');
    left.abort();
    expect(await ended).toBeUndefined();
  });

  it('takes what is there of a job and ends, with noWait', async () => {
    const fake = fakeManager();
    await fake.start({
      follow: (call) => {
        expect(call.request).toMatchObject({ job: '9', noWait: true });
        call.write(said(0, 'so far\n'));
        call.end();
      },
    });
    const { ended, seen } = follow(fake, { job: '9', position: 0, noWait: true });
    expect(await ended).toBeUndefined();
    expect(seen).toEqual(['so far\n']);
  });
});
