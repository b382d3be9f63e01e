import { describe, expect, it } from 'vitest';
import { Pace } from '../../../../../agent/tasks/image-tree/pace.ts';

/** A clock that is told what time it is. */
function clock(): { pace: Pace; at: (seconds: number) => void } {
  let now = 5_000;
  const pace = new Pace(() => now);
  return { pace, at: (seconds) => (now = 5_000 + seconds * 1000) };
}

describe('how far something is', () => {
  it('says bytes, rate and time left', () => {
    const { pace, at } = clock();
    expect(pace.bytes(0, 800e6)).toBe('0.0 of 800.0 MB');
    at(4);
    expect(pace.bytes(200e6, 800e6)).toBe('200.0 of 800.0 MB, 50.0 MB/s, about 12 s left');
    at(16);
    expect(pace.bytes(800e6, 800e6)).toBe('800.0 of 800.0 MB, 50.0 MB/s');
  });

  it('guesses no time before a tenth is done, and none of nothing', () => {
    const { pace, at } = clock();
    at(10);
    expect(pace.left(9, 100)).toBe('');
    expect(pace.left(10, 100)).toBe(', about 90 s left');
    expect(pace.left(0, 0)).toBe('');
  });
});
