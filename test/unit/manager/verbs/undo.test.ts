import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { diff } from '../../../../manager/verbs/diff.ts';
import { undo } from '../../../../manager/verbs/undo.ts';
import { applyChanges } from '../../../../manager/registry/apply.ts';
import type { Change } from '../../../../shared/verb/effect.ts';
import { addChanges, inverseOf, type RecordedChange } from '../../../../shared/verb/recorded-change.ts';
import { asked } from '../../support/asked.ts';
import { MemoryView } from '../../support/view.ts';

const created: RecordedChange = { type: 'node', name: 'n1', action: 'created', values: { 'hosts.ip': [null, '1'] } };
const changed: RecordedChange = { type: 'node', name: 'n1', action: 'changed', values: { 'hosts.ip': ['1', '2'] } };
const removed: RecordedChange = { type: 'node', name: 'n1', action: 'removed', values: { 'hosts.ip': ['2', null] } };
const secret: RecordedChange = {
  type: 'passwd',
  name: 'system,root',
  action: 'changed',
  values: { 'passwd.password': ['old-secret', 'new-secret'] },
};

function run(view: MemoryView, change: RecordedChange, options: Record<string, readonly string[]> = {}, json = false) {
  const input = JSON.stringify({ from: 7, to: 7, command: 'x', user: 'u', changes: [change] });
  const { effects } = undo.start(asked('undo', { operands: ['7'], input, options, json }), view);
  const changes = effects.flatMap((effect) => (effect.do === 'commit' ? effect.changes : []));
  const text = effects.map((effect) => (effect.do === 'say' ? effect.text : '')).join('');
  return { changes, text, exit: effects.flatMap((effect) => (effect.do === 'done' ? [effect.exit] : []))[0] };
}

const nodes = (row: Record<string, string>): MemoryView => new MemoryView({ node: { n1: row } });

describe('undo', () => {
  test.each<[string, MemoryView, RecordedChange, Change]>([
    ['a creation', nodes({ 'hosts.ip': '1' }), created, { type: 'node', name: 'n1', remove: true }],
    [
      'a change',
      nodes({ 'hosts.ip': '2', x: 'y' }),
      changed,
      { type: 'node', name: 'n1', values: { 'hosts.ip': '1' } },
    ],
    ['a removal', new MemoryView(), removed, { type: 'node', name: 'n1', values: { 'hosts.ip': '2' } }],
  ])('%s', (_what, view, change, wanted) => {
    const { changes, text, exit } = run(view, change);
    expect(changes).toMatchObject([wanted]);
    expect([text, exit]).toEqual(['Revision 7 is undone: 1 object.\n', 0]);
  });

  test.each<[string, MemoryView, RecordedChange, RegExp]>([
    ['changed again', nodes({ 'hosts.ip': '3' }), changed, /hosts.ip of node n1 is '3' now; the revision left it '2'/],
    ['gone', new MemoryView(), changed, /node n1 is not there any more/],
    ['there again', nodes({ 'hosts.ip': '2' }), removed, /node n1 is there again/],
    ['added to', nodes({ 'hosts.ip': '1', 'mac.mac': 'm' }), created, /mac.mac of node n1 was set since: 'm'/],
  ])('what was %s stands in the way; --force takes it', (_what, view, change, why) => {
    const first = run(view, change);
    expect([first.changes, first.exit]).toEqual([[], 1]);
    expect(first.text).toMatch(why);
    const forced = run(view, change, { force: [''] });
    expect(forced.exit).toBe(0);
    expect(forced.changes).toHaveLength(1);
  });

  test('secrets are never shown', () => {
    const view = new MemoryView({ passwd: { 'system,root': { 'passwd.password': 'third-secret' } } });
    const { text } = run(view, secret);
    expect(text).toContain('is (secret) now');
    expect(text).not.toMatch(/-secret/);
    for (const json of [true, false]) {
      const input = JSON.stringify({ from: 7, to: 7, command: '', user: '', changes: [secret] });
      expect(JSON.stringify(diff.start(asked('diff', { input, json }), view))).not.toContain('-secret');
    }
  });
});

describe('diff', () => {
  test('shows what is different, sorted', () => {
    const changes = [{ ...changed, name: 'n2' }, created];
    const input = JSON.stringify({ from: 1, to: 3, command: '', user: '', changes });
    const { effects } = diff.start(asked('diff', { input }), new MemoryView());
    expect(effects.map((effect) => (effect.do === 'say' ? effect.text : ''))).toEqual([
      'node n1 created\n    hosts.ip: (unset) -> 1\n',
      'node n2 changed\n    hosts.ip: 1 -> 2\n',
      '',
    ]);
  });

  test('revisions put together say what one commit from the first state to the last would say', () => {
    const value = fc.option(fc.constantFrom('x', 'y'), { nil: null });
    const change = fc.oneof(
      fc.record({
        type: fc.constant('t'),
        name: fc.constantFrom('a', 'b'),
        values: fc.dictionary(fc.constantFrom('k', 'l'), value),
      }),
      fc.record({ type: fc.constant('t'), name: fc.constantFrom('a', 'b'), remove: fc.constant(true as const) }),
    );
    fc.assert(
      fc.property(fc.array(fc.array(change, { minLength: 1, maxLength: 3 }), { maxLength: 8 }), (commits) => {
        const rows = new Map<string, Record<string, string>>();
        const sum = new Map<string, RecordedChange>();
        const history: RecordedChange[][] = [];
        for (const changes of commits) {
          const applied = applyChanges((_type, name) => rows.get(name), changes);
          if (applied.outcome !== 'done') continue;
          for (const { name, after } of applied.objects) {
            if (after === undefined) rows.delete(name);
            else rows.set(name, { ...after });
          }
          const records = applied.objects.map(({ record }) => record);
          history.push(records);
          addChanges(sum, records);
        }
        // From nothing, so every object that is there was created with just what it holds.
        const present = [...rows].map(([name, row]) => [name, row] as const).sort();
        const summed = [...sum.values()].map(({ name, action, values }) => {
          expect(action).toBe('created');
          return [name, Object.fromEntries(Object.entries(values).map(([key, [, now]]) => [key, now]))] as const;
        });
        expect(summed.sort()).toEqual(present);
        // Undone from the last to the first, nothing is left.
        for (const records of [...history].reverse()) {
          const undone = applyChanges((_type, name) => rows.get(name), records.map(inverseOf));
          if (undone.outcome !== 'done') throw new Error(undone.message);
          for (const { name, after } of undone.objects) {
            if (after === undefined) rows.delete(name);
            else rows.set(name, { ...after });
          }
        }
        expect([...rows]).toEqual([]);
      }),
    );
  });
});
