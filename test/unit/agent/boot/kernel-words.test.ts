import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseKernelWords } from '../../../../agent/boot/kernel-words.ts';
import { HostlerError } from '../../../../shared/errors/error.ts';

const good = {
  'hostler.server': 'http://10.0.0.1:8080',
  'hostler.secure': 'https://10.0.0.1:8443',
  'hostler.ca': 'a'.repeat(64),
  'hostler.node': 'n01',
};
const line = (words: Record<string, string>): string =>
  [
    'BOOT_IMAGE=x',
    'quiet',
    ...Object.entries(words).map(([name, value]) => `${name}=${value}`),
    'console=ttyS0,115200\n',
  ].join(' ');

test('the words of a boot server', () => {
  expect(parseKernelWords(line(good))).toEqual({
    server: 'http://10.0.0.1:8080',
    secure: 'https://10.0.0.1:8443',
    authority: 'a'.repeat(64),
    node: 'n01',
  });
});

test('a machine that was booted otherwise, and words that are not what they should be', () => {
  const broken: Record<string, string>[] = [
    { ...good, 'hostler.server': '' },
    { ...good, 'hostler.server': 'file:///etc' },
    { ...good, 'hostler.server': 'http://10.0.0.1/evil' },
    { ...good, 'hostler.secure': 'http://10.0.0.1' },
    { ...good, 'hostler.secure': 'https://root:x@10.0.0.1' },
    { ...good, 'hostler.ca': 'a'.repeat(63) },
    { ...good, 'hostler.ca': 'A'.repeat(64) },
  ];
  for (const words of broken) expect(() => parseKernelWords(line(words)), JSON.stringify(words)).toThrow(HostlerError);
  expect(() => parseKernelWords('')).toThrow(/hostler\.server/);
  expect(parseKernelWords(line({ ...good, 'hostler.node': '../x' })).node).toBe('');
});

test('whatever stands there: words or an error of ours', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(() => parseKernelWords(text)).toThrow(HostlerError);
    }),
  );
});
