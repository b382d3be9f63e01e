import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Member } from '../../../../manager/fleet/member.ts';
import { Presence } from '../../../../manager/fleet/presence.ts';
import type { Roster } from '../../../../manager/fleet/roster.ts';
import type { ManagerSession } from '../../../../shared/session/manager-session.ts';
import { Wave } from '../../../../manager/fleet/wave.ts';
import { collectLog, type LogLine } from '../../../sim/manager.ts';

describe('agents whose connections break', () => {
  let now: number;
  let lines: LogLine[];
  let members: Member[];
  let presence: Presence;

  const open = (restart?: Wave): Presence => {
    const roster: Pick<Roster, 'all' | 'present' | 'publish' | 'restart'> = {
      all: () => members,
      present: () => members.filter((member) => member.present(now)).length,
      publish: () => undefined,
      restart,
    };
    return new Presence(
      roster as Roster,
      { write: async () => undefined } as never,
      collectLog(lines),
      () => now,
      () => false,
    );
  };

  beforeEach(() => {
    now = 1_000_000;
    lines = [];
    members = Array.from({ length: 10_000 }, (_, number) => new Member(`a${String(number)}`, undefined, 0));
    presence = open();
  });
  afterEach(() => presence.stop());

  const session = { send: async () => undefined, refuse: async () => undefined } as unknown as ManagerSession;
  const away = (): number => lines.filter(({ message }) => message === 'agent away').length;
  const come = (some: readonly Member[]): void => some.forEach((member) => presence.came(member, session, 's'));
  const breakAll = (some: readonly Member[]): void => some.forEach((member) => presence.left(member, true));

  it('one alone is away after ten seconds', () => {
    come(members);
    breakAll(members.slice(0, 1));
    now += 9_000;
    presence.look();
    expect(away()).toBe(0);
    now += 1_500;
    presence.look();
    expect(away()).toBe(1);
  });

  it('all at once are well: whoever is back within two minutes was never away', () => {
    come(members);
    for (let part = 0; part < 10; part++) {
      breakAll(members.slice(part * 1000, part * 1000 + 1000));
      now += 1_000;
    }
    for (let second = 0; second < 95; second++) {
      come(members.slice(second * 100, second * 100 + 100));
      now += 1_000;
      presence.look();
    }
    expect(away()).toBe(0);
    now += 36_000;
    presence.look();
    // Those that never came.
    expect(away()).toBe(500);
  });

  it('when most of the fleet breaks at once, nobody has to be back before a broker is started again', () => {
    come(members.slice(0, 60));
    presence.look();
    breakAll(members.slice(0, 60));
    now += 119_000;
    presence.look();
    expect(away()).toBe(0);
    now += 2_000;
    presence.look();
    expect(away()).toBe(60);
  });

  it('a rack that loses its power is away soon', () => {
    come(members);
    presence.look();
    breakAll(members.slice(0, 40));
    now += 11_000;
    presence.look();
    expect(away()).toBe(40);
  });

  it('a crowd that comes back slowly is waited for as long as it comes', () => {
    come(members);
    breakAll(members);
    for (let second = 0; second < 300; second++) {
      come(members.slice(second * 25, second * 25 + 25));
      now += 1_000;
      presence.look();
    }
    expect(away()).toBe(0);
    now += 36_000;
    presence.look();
    expect(away()).toBe(2_500);
  });

  it('after a restart of the manager a connection may break again while the others come back', () => {
    presence.stop();
    const restart = new Wave(now, 0);
    for (const member of members) {
      member.broke = { at: now, wave: restart };
      member.expectedUntil = restart.expectedUntil(now);
    }
    presence = open(restart);
    for (let second = 0; second < 100; second++) {
      const some = members.slice(second * 100, second * 100 + 100);
      come(some);
      now += 1_000;
      breakAll(some.slice(0, 1));
      presence.look();
    }
    expect(away()).toBe(0);
    now += 121_000;
    presence.look();
    expect(away()).toBe(100);
    breakAll(members.slice(1, 2));
    now += 10_500;
    presence.look();
    expect(away()).toBe(101);
  });

  it('they are told to beat as a large fleet from the first one that is back', () => {
    come(members);
    presence.look();
    breakAll(members);
    presence.look();
    expect(presence.pace()).toBeGreaterThanOrEqual(100_000);
  });
});
