import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { agreedProtocol } from '../../../../shared/session/protocol.ts';
import { Queue } from '../../../../shared/session/queue.ts';
import { Receiver } from '../../../../shared/session/receiver.ts';

describe('receiver', () => {
  it('takes each number once and in order, whatever is sent again', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20)), fc.nat(5), (numbers, received) => {
        const receiver = new Receiver(received);
        let highest = received;
        for (const number of numbers) {
          if (number > highest + 1) {
            expect(() => receiver.arrived(number)).toThrow('expected');
          } else if (number === 0) {
            expect(receiver.arrived(number)).toBe('unnumbered');
          } else {
            expect(receiver.arrived(number)).toBe(number === highest + 1 ? 'next' : 'again');
            highest = Math.max(highest, number);
          }
          expect(receiver.received).toBe(highest);
        }
      }),
    );
  });
});

describe('protocol', () => {
  it.each([
    [{ lowest: 1, highest: 1 }, { lowest: 1, highest: 1 }, 1],
    [{ lowest: 1, highest: 2 }, { lowest: 1, highest: 1 }, 1],
    [{ lowest: 1, highest: 2 }, { lowest: 2, highest: 5 }, 2],
  ])('%j and %j agree on %d', (mine, theirs, agreed) => {
    expect(agreedProtocol(mine, theirs, '1.0')).toBe(agreed);
  });

  it.each([
    [{ lowest: 2, highest: 3 }, { lowest: 1, highest: 1 }, 'Upgrade the agent'],
    [{ lowest: 1, highest: 1 }, { lowest: 2, highest: 3 }, 'Upgrade the manager'],
    [{ lowest: 1, highest: 1 }, { lowest: 0, highest: 1 }, 'speaks link protocol 0 to 1'],
  ])('%j and %j do not agree', (mine, theirs, message) => {
    expect(() => agreedProtocol(mine, theirs, '1.0')).toThrow(message);
  });
});

describe('queue', () => {
  it('gives out what came in, then the error', async () => {
    const queue = new Queue<number>();
    queue.push(1);
    queue.push(2);
    queue.end(new Error('over'));
    queue.push(3);
    const seen: number[] = [];
    await expect(
      (async () => {
        for await (const item of queue) seen.push(item);
      })(),
    ).rejects.toThrow('over');
    expect(seen).toEqual([1, 2]);
  });

  it('lets a sender on when few enough wait', async () => {
    const queue = new Queue<number>();
    for (let item = 0; item < 5; item++) queue.push(item);
    let free = false;
    const waiting = queue.atMost(2).then(() => (free = true));
    const reader = queue[Symbol.asyncIterator]();
    await reader.next();
    await reader.next();
    expect(free).toBe(false);
    await reader.next();
    await waiting;
  });
});
