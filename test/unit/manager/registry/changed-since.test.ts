import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LiveView } from '../../../../manager/registry/tables.ts';
import { groupNames, staticMembers } from '../../../../shared/objects/index.ts';
import type { Row } from '../../../../shared/verb/view.ts';

const change = fc.record({
  name: fc.constantFrom('n1', 'n2', 'n10', 'a', 'z'),
  groups: fc.option(fc.array(fc.constantFrom('g', 'h', 'all', 'n1'), { maxLength: 4 }).map((list) => list.join(','))),
});
const commits = fc.array(fc.record({ changes: fc.array(change, { maxLength: 4 }), look: fc.boolean() }), {
  maxLength: 30,
});

function object({ name, groups }: { name: string; groups: string | null }): {
  type: string;
  name: string;
  after: Row | undefined;
} {
  return { type: 'node', name, after: groups === null ? undefined : { 'nodelist.groups': groups } };
}

function membership(view: LiveView): Record<string, readonly string[]> {
  return Object.fromEntries(groupNames(view).map((group) => [group, staticMembers(view, group)]));
}

describe('membership that follows changes', () => {
  it('is what it would be, computed anew', () => {
    fc.assert(
      fc.property(commits, (list) => {
        const view = new LiveView();
        list.forEach(({ changes, look }, index) => {
          view.advance(changes.map(object), index + 1);
          // Not looked at after each: several changes are then followed together.
          if (!look) return;
          const anew = new LiveView();
          for (const [name, after] of view.rows('node')) anew.definitions.put('node', name, after);
          expect(membership(view)).toEqual(membership(anew));
        });
      }),
    );
  });

  it('is computed anew when too much was changed to remember it', () => {
    const view = new LiveView();
    const many = (groups: string): void =>
      view.advance(
        Array.from({ length: 600 }, (_, number) => object({ name: `n${String(number)}`, groups })),
        view.revision + 1,
      );
    many('old');
    expect(staticMembers(view, 'old')).toHaveLength(600);
    const before = view.revision;
    many('new');
    expect(view.changedSince('node', before)).toBeUndefined();
    expect(view.changedSince('node', view.revision)).toEqual([]);
    expect([staticMembers(view, 'old').length, staticMembers(view, 'new').length]).toEqual([0, 600]);
  });

  it('remembers a bounded number of changes, and says when it has forgotten', () => {
    const view = new LiveView();
    for (let revision = 1; revision <= 5000; revision += 1)
      view.advance([object({ name: 'n1', groups: 'g' })], revision);
    expect(view.changedSince('node', 0)).toBeUndefined();
    expect(view.changedSince('node', 4900)).toHaveLength(100);
    expect(view.changedSince('group', 4900)).toEqual([]);
  });
});
