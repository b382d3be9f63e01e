import { existsSync } from 'node:fs';
import type { CommandDefinition, CommandLine } from '../command.ts';

const versions = 'OSIMAGE@DIGEST or OSIMAGE@NUMBER, a beginning of the digest, or an osimage for its current version.';

export const image: CommandDefinition = {
  name: 'image',
  summary: 'Look at one packed version of an image, use, test, verify, keep or remove it',
  usage: [
    'show VERSION [--packages]',
    'diff VERSION VERSION',
    'use VERSION',
    'rollback OSIMAGE',
    'test VERSION [--script FILE] [--timeout SECONDS] [--on AGENT]',
    'verify VERSION | BUNDLE.tgz | FOLDER [--key FILE|HEX]',
    'pin VERSION | unpin VERSION',
    'rm VERSION ... | gc [OSIMAGE]',
  ],
  operands: versions,
  complete: ['show', 'diff', 'use', 'rollback', 'test', 'verify', 'pin', 'unpin', 'rm', 'gc'],
  changes: true,
  options: [
    {
      long: 'script',
      value: 'FILE',
      file: true,
      help: 'test: a script for /bin/sh that runs in the booted image; its exit code decides',
    },
    { long: 'timeout', value: 'SECONDS', help: 'test: how long the whole may take (900)' },
    { long: 'on', value: 'AGENT', help: 'test: where the machine runs (default: the agent whose store has the image)' },
    { long: 'packages', help: 'show of a golden image: list its packages' },
    { long: 'key', value: 'FILE|HEX', help: "verify of files: the manager's public key (HOME/image-key.pub)" },
  ],
  usageWhen: ({ operands }) => (operands.length === 0 ? 1 : undefined),
  local: (line) => {
    const [action, file] = line.operands;
    return action === 'verify' && file !== undefined && isFile(file) ? verifyFiles(file, line) : undefined;
  },
  examples: [
    'hostler image show debian12-x86_64-netboot-compute',
    'hostler image diff golden@1 golden@2',
    'hostler image test debian12-x86_64-netboot-compute',
    'hostler image rollback debian12-x86_64-netboot-compute',
    'hostler image verify ./debian12-x86_64-netboot-compute.tgz',
  ],
};

/** A version's name has no slash, and no such ending. */
function isFile(word: string): boolean {
  return (word.includes('/') || word.endsWith('.tgz')) && existsSync(word);
}

async function verifyFiles(file: string, line: CommandLine): Promise<number> {
  return (await import('../local/verify-image.ts')).verifyImage(file, line.options['key']?.at(-1));
}
