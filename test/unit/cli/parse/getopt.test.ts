import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CommandDefinition } from '../../../../cli/command.ts';
import { CommandLineError, parseCommandLine } from '../../../../cli/parse/getopt.ts';

const genimage: CommandDefinition = {
  name: 'genimage',
  summary: 'make an image',
  usage: ['[IMAGE]'],
  changes: true,
  options: [
    { short: 'o', value: 'OSVERS', help: '' },
    { short: 'a', value: 'ARCH', help: '' },
    { long: 'onlyinitrd', help: '' },
    { long: 'permission', value: 'MODE', help: '' },
    { long: 'kerneldir', value: 'DIR', help: '' },
    { long: 'kernelver', short: 'k', value: 'VERSION', help: '' },
    { long: 'verbose', short: 'V', help: '' },
    { long: 'list', short: 'l', help: '' },
    { long: 'rest', short: 'r', value: 'X', optionalValue: true, help: '' },
  ],
};

const parse = (...argv: string[]) => parseCommandLine(genimage, argv);
const complaints = (...argv: string[]): readonly string[] => {
  try {
    parse(...argv);
  } catch (thrown) {
    if (thrown instanceof CommandLineError) return thrown.complaints;
    throw thrown;
  }
  return [];
};

describe('parseCommandLine', () => {
  it('unbundles letters, and gives the rest of a cluster to the first that takes a value', () => {
    expect(parse('-Vl').options).toEqual({ verbose: [''], list: [''] });
    expect(parse('-Vodebian12', 'img')).toEqual({ options: { verbose: [''], o: ['debian12'] }, operands: ['img'] });
    expect(parse('-k', '6.1').options).toEqual({ kernelver: ['6.1'] });
    // As Getopt::Long does with bundling: the sign belongs to the value.
    expect(parse('-o=x').options).toEqual({ o: ['=x'] });
  });

  it('takes unambiguous abbreviations, exact names first, and never lets common options disturb', () => {
    expect(parse('--onlyinit').options).toEqual({ onlyinitrd: [''] });
    expect(parse('--p=755').options).toEqual({ permission: ['755'] });
    expect(parse('--pl').options).toEqual({ plan: [''] });
    expect(complaints('--kernel=1')).toEqual(['Option kernel is ambiguous (kerneldir, kernelver)']);
    expect(complaints('--Onlyinitrd')).toEqual(['Unknown option: Onlyinitrd']);
  });

  it('gives a required value whatever comes next, an optional one only what does not look like an option', () => {
    expect(parse('-o', '-V').options).toEqual({ o: ['-V'] });
    expect(parse('--permission', '--').options).toEqual({ permission: ['--'] });
    expect(parse('--rest', '-V').options).toEqual({ rest: [''], verbose: [''] });
    expect(parse('--rest', 'x').options).toEqual({ rest: ['x'] });
    expect(parse('-rx').options).toEqual({ rest: ['x'] });
  });

  it('tells every mistake at once', () => {
    expect(complaints('-Z', '--nosuch', '--onlyinitrd=3', '-o')).toEqual([
      'Unknown option: Z',
      'Unknown option: nosuch',
      'Option onlyinitrd does not take an argument',
      'Option o requires an argument',
    ]);
    expect(complaints('--permission=')).toEqual(['Option permission requires an argument']);
  });

  it('ends options at --, keeps a lone dash', () => {
    expect(parse('a', '--', '-V', '--x')).toEqual({ options: {}, operands: ['a', '-V', '--x'] });
    expect(parse('-', 'b').operands).toEqual(['-', 'b']);
  });

  it('keeps operands and values as they were typed, in any mixture', () => {
    const operand = fc.string({ minLength: 1 }).filter((text) => !text.startsWith('-'));
    const value = fc.string({ minLength: 1 });
    const piece = fc.oneof(
      operand.map((text) => ({ argv: [text], operand: text, key: undefined, value: '' })),
      value.map((text) => ({ argv: ['-o', text], operand: undefined, key: 'o', value: text })),
      value.map((text) => ({ argv: [`--permission=${text}`], operand: undefined, key: 'permission', value: text })),
      value.map((text) => ({ argv: ['--kerneld', text], operand: undefined, key: 'kerneldir', value: text })),
      fc.constant({ argv: ['-V'], operand: undefined, key: 'verbose', value: '' }),
    );
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const line = parse(...pieces.flatMap(({ argv }) => argv));
        expect(line.operands).toEqual(pieces.map((one) => one.operand).filter((text) => text !== undefined));
        for (const key of ['o', 'permission', 'kerneldir', 'verbose']) {
          const wanted = pieces.filter((one) => one.key === key).map((one) => one.value);
          expect(line.options[key] ?? []).toEqual(wanted);
        }
      }),
    );
  });

  it('never throws anything but complaints, and loses nothing', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (argv) => {
        try {
          const line = parse(...argv);
          expect(line.operands.every((text) => argv.includes(text))).toBe(true);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(CommandLineError);
        }
      }),
    );
  });
});
