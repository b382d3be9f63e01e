import { resolve } from 'node:path';
import type { CommandDefinition, CommandLine } from '../command.ts';

export const imgexport: CommandDefinition = {
  name: 'imgexport',
  summary: 'Write the definition, the lists and the packed version of an image into one file',
  usage: ['IMAGE [DESTINATION] [-e FILE[:FOLDER]]... [-p NODE]'],
  operands: 'an osimage; a folder or a file name ending in .tgz (default: the current folder) on the build host',
  complete: 'osimage',
  options: [
    { short: 'e', long: 'extra', value: 'FILE[:FOLDER]', repeat: true, help: 'A further file, and where it goes' },
    { short: 'p', long: 'postscripts', value: 'NODE', complete: 'node', help: 'With the postscripts of this node' },
    { short: 'R', value: 'USER@HOST', help: 'Not there: copy the bundle yourself' },
    { short: 'v', long: 'verbose', help: 'Accepted; the log of the job has every file' },
  ],
  usageWhen: ({ operands }) => (operands.length === 1 || operands.length === 2 ? undefined : 1),
  // The manager does not know in which folder the command was typed.
  local: (line, command) => {
    const [image = '', destination = '.'] = line.operands;
    const operands = [image, resolve(destination)];
    return operands[1] === line.operands[1] ? undefined : runAt({ ...line, operands }, command);
  },
};

async function runAt(line: CommandLine, command: string): Promise<number> {
  return (await import('../run/run-command.ts')).runCommand(imgexport, line, command);
}
