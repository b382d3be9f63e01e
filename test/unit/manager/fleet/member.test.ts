import { describe, expect, it } from 'vitest';
import { Member, candidateOf } from '../../../../manager/fleet/member.ts';
import type { AgentRecord, LifeRecord } from '../../../../manager/fleet/records.ts';

const record = { name: 'b1', roles: ['build'], standing: 'admitted', kind: 'service' } as unknown as AgentRecord;

function candidate(facts: unknown): ReturnType<typeof candidateOf> {
  const life = { incarnation: 'i', facts: JSON.stringify(facts), taskKinds: {}, version: '1', lastSeen: 0 };
  return candidateOf(new Member('b1', life as unknown as LifeRecord, 0), record, 0);
}

describe('what placement knows of an agent, out of its facts', () => {
  it('is architecture, what it emulates, and its release', () => {
    const facts = {
      arch: 'aarch64',
      emulates: ['x86_64'],
      os: { id: 'rocky', version: '9.4', name: 'Rocky Linux 9.4' },
    };
    expect(candidate(facts)).toMatchObject({ arch: 'aarch64', emulates: ['x86_64'], release: 'enterprise9' });
  });

  it.each([[{}], [{ os: 'linux' }], [{ os: { id: 7, version: null } }], [{ os: { id: 'plan9', version: '4' } }]])(
    'a release that cannot be told is empty: %j',
    (facts) => {
      expect(candidate(facts)).toMatchObject({ arch: '', emulates: [], release: '' });
    },
  );
});
