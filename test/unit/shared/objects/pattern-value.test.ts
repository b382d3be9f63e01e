import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evaluateArithmetic } from '../../../../shared/objects/arithmetic.ts';
import { valueForNode } from '../../../../shared/objects/index.ts';

describe('valueForNode', () => {
  it.each([
    ['plain', 'n1', 'plain'],
    ['/\\z/-bmc/', 'com02', 'com02-bmc'],
    ['|\\z|-imm|', 'mgt02', 'mgt02-imm'],
    ['|node(\\d+)|10.0.0.($1+0)|', 'node254', '10.0.0.254'],
    ['|\\D+(\\d+)\\D+(\\d+)\\D+(\\d+)\\D+(\\d+)|c($1)f($2)x($3)|', 'c01f02x03v04', 'c01f02x03'],
    ['|\\D+(\\d+)\\D+(\\d+)\\D+(\\d+)\\D+(\\d+)|dir:///vm($4+0)|', 'c01f02x03v04', 'dir:///vm4'],
    ['|sn(\\d+)|rack(($1-1)/2+1)|', 'sn03', 'rack2'],
    ['|\\D+(\\d+)|172.21.254.($1%100)|', 'sn101', '172.21.254.1'],
    ['|sn0*(\\d+)|$1|', 'sn03', '$1'],
    ['|10.0.0.($1+10)|', 'node05', '10.0.0.15'],
    ['|(2*$1).($2)|', 'r3u07', '6.7'],
    ["|\\D+(\\d+)|n(sprintf('%03d',$1))|", 'x7', 'n007'],
    ['|^.*$||', 'n1', ''],
    ['|nomatch(\\d+)|x($1+1)|', 'n1', 'n1'],
    ['|n(\\d+)|x($1/0)|', 'n1', 'x($1/0)'],
    ['|(|x|', 'n1', 'n1'],
    ['|', 'n1', '|'],
    ['/a', 'n1', '/a'],
    ['/opt/xcat/share/file', 'n1', '/opt/xcat/share/file'],
  ])('%s for %s is %s', (value, node, expected) => {
    expect(valueForNode(value, node)).toBe(expected);
  });

  it('never throws, whatever is defined', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.string({ minLength: 1 }),
        (text, node) => typeof valueForNode(`|${text}|`, node) === 'string',
      ),
    );
  });
});

describe('evaluateArithmetic', () => {
  it.each([
    ['(1+2*3)', '7'],
    ['((1+2)*3)', '9'],
    ['(7/2)', '3'],
    ['(-7/2)', '-3'],
    ['(7%4)', '3'],
    ['(2-3-4)', '-5'],
    ['($1)', '01'],
    ['($1+0)', '1'],
    ['($1.$2)', '01x'],
    ['($3+1)', '1'],
    ['(int(5))', '5'],
    ['(sprintf("%02d-%s",$1,$2))', '01-x'],
  ])('%s is %s', (text, expected) => {
    expect(evaluateArithmetic(text, ['', '01', 'x'])).toBe(expected);
  });

  it.each(['', '(', '(1', '1)', '(1+)', '(a)', '(system)', '(1;2)', `(${'1+'.repeat(300)}1)`])('refuses %s', (text) => {
    expect(evaluateArithmetic(text, [])).toBeUndefined();
  });

  it('agrees with the runtime on sums and products of small numbers', () => {
    const number = fc.integer({ min: 0, max: 99 });
    fc.assert(
      fc.property(number, number, number, (a, b, c) => {
        expect(evaluateArithmetic(`(${a}+${b}*${c})`, [])).toBe(String(a + b * c));
        expect(evaluateArithmetic(`((${a}-${b})*${c})`, [])).toBe(String((a - b) * c + 0));
      }),
    );
  });
});
