import { describe, expect, it } from 'vitest';
import { Admission } from '../../../../manager/fleet/admission.ts';
import { heartbeatEvery, paceDiffers } from '../../../../manager/fleet/pace.ts';

describe('pace of heartbeats', () => {
  it('keeps the whole fleet within one budget', () => {
    for (const agents of [1000, 10_000, 20_000]) {
      expect(agents / (heartbeatEvery(agents) / 1000)).toBeLessThanOrEqual(100);
    }
    expect(heartbeatEvery(1)).toBe(heartbeatEvery(50));
    expect(heartbeatEvery(1e9)).toBe(300_000);
  });

  it('is told anew only when it makes a difference', () => {
    expect(paceDiffers(10_000, 11_000)).toBe(false);
    expect(paceDiffers(10_000, 15_000)).toBe(true);
    expect(paceDiffers(10_000, 5_000)).toBe(true);
  });
});

describe('admission', () => {
  it('lets a burst in, turns the rest away with growing pauses, and lets them in at its pace', () => {
    let now = 0;
    const admission = new Admission(
      10,
      20,
      () => now,
      () => 0.5,
    );
    const first = Array.from({ length: 120 }, () => admission.enter());
    expect(first.filter((wait) => wait === 0)).toHaveLength(20);
    expect(first.at(-1)).toBeGreaterThan(10);
    expect(first[21]).toBeLessThan(3);
    now += 1000;
    expect(Array.from({ length: 20 }, () => admission.enter()).filter((wait) => wait === 0)).toHaveLength(10);
  });

  it('is not confused by a clock that is set back', () => {
    let now = 10_000;
    const admission = new Admission(10, 1, () => now);
    expect(admission.enter()).toBe(0);
    now = 0;
    expect(admission.enter()).toBeGreaterThan(0);
    now = 1000;
    expect(admission.enter()).toBe(0);
  });
});
