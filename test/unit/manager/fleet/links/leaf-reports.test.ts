import { expect, test } from 'vitest';
import { LeafReports } from '../../../../../manager/fleet/links/leaf-reports.ts';
import { HostlerError } from '../../../../../shared/errors/error.ts';
import { type LogLine, collectLog } from '../../../../sim/manager.ts';

/** Reports whose every drain ends when it is told to. */
function slowReports() {
  const done: ((error?: Error) => void)[] = [];
  let prepared = 0;
  return {
    done,
    prepared: () => prepared,
    reports: {
      prepare: async () => {
        prepared++;
      },
      drain: () =>
        new Promise<number>((resolve, reject) =>
          done.push((error) => (error === undefined ? resolve(1) : reject(error))),
        ),
    },
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('who asks while one looks waits for the next look, and many cost one', async () => {
  const { reports, done } = slowReports();
  const lines: LogLine[] = [];
  const leaf = new LeafReports(reports, 'r1', collectLog(lines), () => undefined);
  const over: string[] = [];
  void leaf.look().then(() => over.push('first'));
  await turn();
  for (const who of ['second', 'third']) void leaf.look().then(() => over.push(who));
  done[0]?.();
  await turn();
  expect(over).toEqual(['first']);
  await turn();
  expect(done).toHaveLength(2);
  done[1]?.();
  await turn();
  expect(over).toEqual(['first', 'second', 'third']);
  await turn();
  expect(done).toHaveLength(2);
});

test('a leaf node that is away is told of once, holds nobody up, and is prepared again', async () => {
  const { reports, done, prepared } = slowReports();
  const lines: LogLine[] = [];
  let backs = 0;
  const leaf = new LeafReports(reports, 'r1', collectLog(lines), () => backs++);
  const looked = async (error?: Error): Promise<void> => {
    const look = leaf.look();
    await turn();
    done.at(-1)?.(error);
    await look;
  };
  await looked();
  for (let count = 0; count < 3; count++) await looked(new HostlerError('unavailable', 'gone'));
  await looked();
  expect(lines.map(({ level }) => level)).toEqual(['info', 'warn', 'info']);
  // Who is behind it hears of it each time.
  expect(backs).toBe(2);
  expect(prepared()).toBe(4);
});
