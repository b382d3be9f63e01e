import { describe, expect, it } from 'vitest';
import { type Candidate, placeTask } from '../../../../manager/fleet/placement.ts';
import type { Requirement } from '../../../../shared/verb/effect.ts';

function agent(name: string, more: Partial<Candidate> = {}): Candidate {
  return {
    name,
    incarnation: `life-of-${name}`,
    roles: ['build'],
    present: true,
    taskKinds: { 'image-build': 1 },
    arch: 'x86_64',
    emulates: [],
    release: '',
    version: '1.0',
    openTasks: 0,
    ...more,
  };
}

function placed(on: Requirement, ...agents: Candidate[]): string {
  const placement = placeTask(on, 'image-build', agents);
  return placement.outcome === 'placed' ? placement.agent : `${placement.code}: ${placement.message}`;
}

describe('placing a task', () => {
  it('takes the agent with the role', () => {
    expect(placed({ role: 'build' }, agent('a', { roles: ['boot'] }), agent('b'))).toBe('b');
  });

  it('takes the one with the least to do, then the first by name', () => {
    expect(placed({ role: 'build' }, agent('b'), agent('a', { openTasks: 1 }), agent('c'))).toBe('b');
  });

  it('prefers the same architecture, then one that can run it, then any where that is allowed', () => {
    const same = agent('z', { arch: 'ppc64le', openTasks: 5 });
    const emulates = agent('y', { emulates: ['ppc64le'] });
    const other = agent('x');
    const on = { role: 'build', arch: 'ppc64le', cross: true };
    expect(placed(on, other, emulates, same)).toBe('z');
    expect(placed(on, other, emulates)).toBe('y');
    expect(placed(on, other)).toBe('x');
    expect(placed({ role: 'build', arch: 'ppc64le' }, other, emulates)).toContain('runs on ppc64le (there is x86_64)');
  });

  it('prefers the same release among machines of one architecture, however much it has to do', () => {
    const on = { role: 'build', arch: 'x86_64', cross: true, release: 'debian12' };
    const same = agent('z', { release: 'debian12', openTasks: 9 });
    const other = agent('a', { release: 'enterprise9' });
    expect(placed(on, other, same)).toBe('z');
    expect(placed(on, other, agent('b'))).toBe('a');
  });

  it('stays with the one that did it before, where others are only as good', () => {
    const on = { role: 'build', arch: 'x86_64', cross: true, release: 'debian12', rather: 'm' };
    expect(placed(on, agent('a'), agent('m', { openTasks: 3 }))).toBe('m');
    expect(placed(on, agent('a', { release: 'debian12' }), agent('m'))).toBe('a');
    expect(placed(on, agent('a'), agent('m', { present: false }))).toBe('a');
  });

  it('takes architecture and release before architecture alone, before emulation, before what can only refuse', () => {
    const on = { role: 'build', arch: 'aarch64', cross: true, release: 'debian12' };
    const both = agent('z9', { arch: 'aarch64', release: 'debian12', openTasks: 4 });
    const arch = agent('z8', { arch: 'aarch64', release: 'enterprise9', openTasks: 3 });
    const emulates = agent('z7', { emulates: ['aarch64'], release: 'debian12', openTasks: 2 });
    const emulatesOther = agent('z6', { emulates: ['aarch64'], release: 'enterprise9', openTasks: 1 });
    const neither = agent('a', { release: 'debian12' });
    const order = [both, arch, emulates, emulatesOther, neither];
    for (const [at, expected] of order.entries()) {
      const left = order.slice(at);
      expect(placed(on, ...[...left].reverse()), `of ${left.map(({ name }) => name).join(' ')}`).toBe(expected.name);
    }
  });

  it('takes the one that is named, whatever fits better; it says itself what it lacks', () => {
    const on = { role: 'build', arch: 'aarch64', cross: true, release: 'debian12', agent: 'mine' };
    const better = agent('arm', { arch: 'aarch64', release: 'debian12' });
    expect(placed(on, better, agent('mine'))).toBe('mine');
    expect(placed(on, better, agent('mine', { present: false }))).toContain("The agent 'mine' is not connected");
    expect(placed(on, better, agent('mine', { roles: ['boot'] }))).toContain("does not have the role 'build'");
    expect(placed(on, better)).toContain("There is no agent 'mine'");
  });

  it.each<[string, Requirement, Candidate[], string]>([
    [
      'nobody at all',
      { role: 'build' },
      [],
      "failed_precondition: No connected agent has the role 'build': no agent is connected at all.",
    ],
    ['others', { role: 'build' }, [agent('a', { roles: ['boot'] })], 'connected are a (boot)'],
    [
      'away',
      { role: 'build' },
      [agent('a', { present: false })],
      "unavailable: No connected agent has the role 'build': a is away.",
    ],
    ['unknown agent', { agent: 'q' }, [agent('a')], "failed_precondition: There is no agent 'q'."],
    ['agent without role', { agent: 'a', role: 'boot' }, [agent('a')], "does not have the role 'boot'"],
    ['agent away', { agent: 'a' }, [agent('a', { present: false })], "unavailable: The agent 'a' is not connected."],
    [
      'too old',
      { role: 'build' },
      [agent('a', { taskKinds: {} })],
      "cannot do 'image-build' tasks in version 1 (agent version 1.0)",
    ],
    [
      'agent of another architecture',
      { agent: 'a', arch: 'ppc64le' },
      [agent('a')],
      "The agent 'a' runs on x86_64, not on ppc64le.",
    ],
  ])('says what is missing: %s', (_, on, agents, expected) => {
    expect(placed(on, ...agents)).toContain(expected);
  });

  it('says how to start one', () => {
    expect(placed({ role: 'build' })).toContain('hostler agents token --roles build');
  });
});
