import { describe, expect, test } from 'vitest';
import { agrees } from '../../oracle/agreement.ts';
import type { Case } from '../../oracle/cases.ts';
import { loadDifferences, withRecordedCases, wronglyListed } from '../../oracle/differences.ts';
import { plainCommand } from '../../oracle/shell-words.ts';
import { readFileSync } from 'node:fs';
import { readSession, writeStep } from '../../conformance/commands/session.ts';

const base: Case = {
  id: 'g-001',
  group: 'g',
  setup: [],
  cmd: 'lsdef',
  match: 'exact',
  expected: { rc: 1, stdout: 'a\nb=x,y\n', stderr: 'Error: [xcatmn]: no\n' },
};

describe('agreement', () => {
  test('is exact but for the name of the server', () => {
    expect(agrees(base, { rc: 1, stdout: 'a\nb=x,y\n', stderr: 'Error: [mine]: no\n' }, 'mine')).toBe(true);
    expect(agrees(base, { rc: 0, stdout: 'a\nb=x,y\n', stderr: 'Error: [mine]: no\n' }, 'mine')).toBe(false);
    expect(agrees(base, { rc: 1, stdout: 'a \nb=x,y\n', stderr: 'Error: [mine]: no\n' }, 'mine')).toBe(false);
    expect(agrees(base, { rc: 1, stdout: 'a\nb=x,y\n', stderr: 'Error: [other]: no\n' }, 'mine')).toBe(false);
  });

  test('order leaves lines and list members free, and nothing else', () => {
    const loose: Case = { ...base, match: 'order' };
    expect(agrees(loose, { rc: 1, stdout: 'b=y,x\na\n', stderr: 'Error: [mine]: no\n' }, 'mine')).toBe(true);
    expect(agrees(loose, { rc: 1, stdout: 'b=y,z\na\n', stderr: 'Error: [mine]: no\n' }, 'mine')).toBe(false);
  });

  test('rc looks at nothing else; varies takes either run', () => {
    expect(agrees({ ...base, match: 'rc' }, { rc: 1, stdout: '?', stderr: '' }, 'mine')).toBe(true);
    const varying: Case = { ...base, match: 'varies', alternative: { rc: 0, stdout: '', stderr: '' } };
    expect(agrees(varying, { rc: 0, stdout: '', stderr: '' }, 'mine')).toBe(true);
    expect(agrees(varying, { rc: 0, stdout: 'x', stderr: '' }, 'mine')).toBe(false);
  });
});

describe('plain command lines', () => {
  test.each([
    [`mkdef -t node 'a b' "c \\"d\\" e" f\\ g`, ['mkdef', '-t', 'node', 'a b', 'c "d" e', 'f g']],
    [`x --a='|b|c|' ''`, ['x', '--a=|b|c|', '']],
    ['A=1 B= nodels x', ['nodels', 'x']],
  ])('%s', (line, words) => {
    expect(plainCommand(line)?.words).toEqual(words);
  });

  test.each(['a | b', 'a; b', 'a > b', 'a *', 'a $x', 'a "$(b)"', "a 'b", '', 'a {1,2}'])(
    '%j needs a shell',
    (line) => {
      expect(plainCommand(line)).toBeUndefined();
    },
  );
});

describe('the list of differences', () => {
  const differences = [{ title: 't', reason: 'r', ids: ['g-001'] }];
  const outcome = { recorded: base, answer: { rc: 0, stdout: '', stderr: '' } };

  test('must name what disagrees and must not name what agrees', () => {
    expect(wronglyListed([{ ...outcome, agrees: false }], differences)).toEqual([]);
    expect(wronglyListed([{ ...outcome, agrees: false }], [])).toHaveLength(1);
    expect(wronglyListed([{ ...outcome, agrees: true }], differences)).toEqual([
      'g-001 agrees now: take it out of differences.json',
    ]);
  });

  test('stands in docs/xcat-differences.md', () => {
    const text = readFileSync(new URL('../../../docs/xcat-differences.md', import.meta.url), 'utf8');
    expect(withRecordedCases(text, loadDifferences())).toBe(text);
  });
});

test('sessions are read as they are written', () => {
  const step = { command: 'x', stdin: 'a\n\nb\n', stdout: 'one \n\ntwo\n', stderr: 'e: \n\n', rc: 3 };
  expect(readSession(writeStep(step))).toEqual([{ ...step, line: 1 }]);
});
