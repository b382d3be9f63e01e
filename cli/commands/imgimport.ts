import { resolve } from 'node:path';
import type { CommandDefinition, CommandLine } from '../command.ts';

export const imgimport: CommandDefinition = {
  name: 'imgimport',
  summary: 'Take in an image that imgexport wrote',
  usage: ['BUNDLE [-p NODERANGE] [-f PROFILE]'],
  operands: 'a file on the build host',
  changes: true,
  options: [
    {
      short: 'p',
      long: 'postscripts',
      value: 'NODERANGE',
      nodeRange: true,
      complete: 'node',
      help: "These nodes get the bundle's postscripts",
    },
    {
      short: 'f',
      long: 'profile',
      value: 'PROFILE',
      help: 'Under another profile and image name, with files in a folder of its own',
    },
    { short: 'R', value: 'USER@HOST', help: 'Not there: copy the bundle yourself' },
    { short: 'v', long: 'verbose', help: 'Accepted; the log of the job has every file' },
  ],
  usageWhen: ({ operands }) => (operands.length === 1 ? undefined : 1),
  local: (line, command) => {
    const [bundle = ''] = line.operands;
    return resolve(bundle) === bundle ? undefined : runAt({ ...line, operands: [resolve(bundle)] }, command);
  },
};

async function runAt(line: CommandLine, command: string): Promise<number> {
  return (await import('../run/run-command.ts')).runCommand(imgimport, line, command);
}
