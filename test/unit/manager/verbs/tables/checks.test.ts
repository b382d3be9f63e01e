import { describe, expect, test } from 'vitest';
import { verbs } from '../../../../../manager/verbs/index.ts';
import { refusalOf } from '../../../../../manager/verbs/tables/checks.ts';
import { asked } from '../../../support/asked.ts';
import { MemoryView } from '../../../support/view.ts';

const view = new MemoryView({ node: { n1: { 'nodelist.groups': 'all' } } });

describe('what table commands refuse', () => {
  test.each([
    [{ type: 'node', name: 'a.b', values: {} }, "Cannot use '.'"],
    [{ type: 'node', name: 'a\nb', values: {} }, 'is invalid'],
    [{ type: 'group', name: '../x', values: {} }, 'is invalid'],
    [{ type: 'passwd', name: 'a/../b,c', values: {} }, 'is invalid'],
    [{ type: 'node', name: 'n1', values: { 'nodehm.mgt': 'a\nb' } }, 'control characters'],
    [{ type: 'node', name: 'n1', values: { 'nodelist.comments': 'a\u0007b' } }, 'control characters'],
    [{ type: 'node', name: 'n1', values: { 'nodehm.mgt': 'x'.repeat(70_000) } }, '70000 characters'],
  ])('%j', (change, reason) => {
    expect(refusalOf(view, [change])).toContain(reason);
  });

  test('comments may have lines, rows of undefined names any harmless name, removing needs no check', () => {
    expect(
      refusalOf(view, [
        { type: 'node', name: 'n1', values: { 'nodelist.comments': 'a\nb\tc' } },
        { type: 'group', name: 'rack a.1', values: { 'nodehm.mgt': 'x' } },
        { type: 'node', name: '../x', remove: true },
      ]),
    ).toBeUndefined();
  });

  test('one refused row leaves the whole command undone', () => {
    const step = verbs
      .get('tabrestore')
      ?.start(asked('tabrestore', { operands: ['nodelist.csv'], files: { 'nodelist.csv': '#node\nn2\nn.3\n' } }), view);
    expect(step?.effects.map((effect) => effect.do)).toEqual(['say', 'done']);
  });
});
