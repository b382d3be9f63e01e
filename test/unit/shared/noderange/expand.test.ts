import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HostlerError } from '../../../../shared/errors/error.ts';
import { expandWith } from '../../../../shared/noderange/expand.ts';
import { cluster, modelLookup, ranges } from './model.ts';

const files = {
  '/list': '#my nodes\nnode01 #first\nnode02\nlogin1\n/f1.*\n-node02\n',
  '/other': '^/list\nnode03-node04\nrack2: x\n',
};
const lookup = modelLookup(cluster, files);

function expand(text: string, verify = true): { nodes: string[]; missing: string[] } {
  return expandWith(lookup, text, { verify, prefix: 'node', suffix: '' });
}

const backwards = Array.from({ length: 94 }, (_, n) => `node${String(n + 6).padStart(2, '0')}`).filter(
  (name) => name !== 'node10',
);

describe('expanding node ranges', () => {
  test('means what the reference model says', () => {
    fc.assert(
      fc.property(ranges, ({ text, nodes }) => {
        expect(expand(text)).toEqual({ nodes: [...nodes].sort(), missing: [] });
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    ['', []],
    [',', []],
    ['node01,', ['node01']],
    ['node01,,node02', ['node01', 'node02']],
    ['"node01"', ['node01']],
    ['node02,node01,node02', ['node01', 'node02']],
    ['svc,-rack1', ['login1', 'node05']],
    ['-node01,rack1', ['node02', 'node03']],
    ['rack1,-node02,node02', ['node01', 'node03']],
    ['all,@svc', ['login1', 'node03', 'node05']],
    ['rack1,rack2@svc', ['node01', 'node02', 'node03', 'node05']],
    ['(rack1,rack2)@svc', ['node03', 'node05']],
    ['rack1,-(rack1@svc)', ['node01', 'node02']],
    ['rack1-rack2', ['node01', 'node02', 'node03', 'node04', 'node05']],
    ['node-foo-1-node-foo-2', ['node-foo-1', 'node-foo-2']],
    ['node-foo-[1-2]', ['node-foo-1', 'node-foo-2']],
    ['1', ['node1']],
    ['/rack.*', []],
    ['/n1$', []],
    ['/', []],
    ['~node0[12]', []],
    ['nosuch.column==x', []],
    ['empty', []],
    ['^/list', ['f1n1', 'f1n2', 'login1', 'node01', 'node02']],
    ['^/list,-login1', ['f1n1', 'f1n2', 'node01', 'node02']],
    ['^/other', ['node03', 'node04', 'node05']],
    ['^/nosuchfile', []],
  ])('%j is %j', (text, nodes) => {
    expect(expand(text)).toEqual({ nodes, missing: [] });
  });

  test.each([
    ['f1n1-f2n2', ['f1n1-f2n2']],
    ['node04+3', ['node06', 'node07']],
    ['1-4', ['node3', 'node4']],
    ['node05-node03', backwards],
    ['node[05-03]', backwards],
    ['node[01-', ['node[01-']],
    ['node01-', ['node01-']],
    ['node01 node02', ['node01 node02']],
    ['NODE01', ['NODE01']],
    ['nosuch@all', ['nosuch']],
    ['all@nosuch', ['nosuch']],
    ['all,-nosuch', ['nosuch']],
    ['node[01-02][x]', ['node01x', 'node02x']],
    ['node[a-c]', ['node[a-c]']],
    ['*', ['*']],
  ])('%j misses %j', (text, missing) => {
    expect(expand(text).missing).toEqual(missing);
  });

  test('without verifying, names need not exist, groups still count, and files hold no expressions', () => {
    expect(expand('new[08-10],rack1', false)).toEqual({
      nodes: ['new08', 'new09', 'new10', 'node01', 'node02', 'node03'],
      missing: [],
    });
    expect(expand('10+2', false).nodes).toEqual(['node10', 'node11', 'node12']);
    expect(expand('f1n1-f2n2', false).nodes).toEqual(['f1n1-f2n2']);
    expect(expand('/node0[12]', false).nodes).toEqual(['node01', 'node02']);
    expect(expand('^/list', false).nodes).toEqual(['/f1.*', 'login1', 'node01', 'node02']);
  });

  test('prefix and suffix go around bare numbers', () => {
    const rules = { verify: true, prefix: 'abc', suffix: 'def' };
    expect(expandWith(lookup, '10-12', rules).missing).toEqual(['abc10def', 'abc11def', 'abc12def']);
  });

  test('what the site excludes is taken away from every result', () => {
    const rules = { verify: true, prefix: 'node', suffix: '' };
    expect(expandWith(lookup, 'rack1', rules, 'svc,nosuch')).toEqual({ nodes: ['node01', 'node02'], missing: [] });
  });

  test.each([
    ['deep nesting', `${'('.repeat(5000)}all${')'.repeat(5000)}`, 'nests more than'],
    ['a product of billions', 'n[1-1000][1-1000][1-1000]', 'stands for more than'],
    ['a range of billions', 'n1-n99999999999', 'stands for more than'],
    ['a backward range of billions', 'n0000000002-n0000000001', 'stands for more than'],
    ['many ranges that are large together', Array(30).fill('n1-n100000').join(','), 'stands for more than'],
    ['a catastrophic expression', '/(a+a+)+b(?!c)', 'cannot be used'],
    ['a broken expression', '/[', 'cannot be used'],
    ['open parentheses', '(all', 'do not match'],
    ['closing parentheses', 'all)', 'do not match'],
  ])('refuses %s quickly, with the reason', (_, text, reason) => {
    expect(() => expand(text, false)).toThrow(HostlerError);
    expect(() => expand(text, false)).toThrow(reason);
  });

  test('groups named again and again are refused before they take long', () => {
    const many = Object.fromEntries(Array.from({ length: 20_000 }, (_, n) => [`n${n}`, ['all']]));
    const text = Array(100_000).fill('all').join(',');
    expect(() => expandWith(modelLookup(many), text, { verify: true, prefix: '', suffix: '' })).toThrow('too long');
  });

  test('whatever is typed is answered or refused with a sentence', () => {
    const piece = fc.constantFrom(
      'node',
      '0',
      '1',
      '9',
      ',',
      '@',
      '-',
      '[',
      ']',
      '(',
      ')',
      '/',
      '^',
      '+',
      ':',
      '=',
      '~',
      'all',
      ' ',
      '*',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 14 }), fc.boolean(), (pieces, verify) => {
        try {
          const { nodes } = expand(pieces.join(''), verify);
          expect(nodes).toEqual([...new Set(nodes)].sort());
        } catch (error) {
          expect(error).toBeInstanceOf(HostlerError);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
