/*
 * npx tsx test/conformance/commands/record.ts FILE.session
 * Writes down what the commands of a session answer now. Read the result before you keep it: it is a promise.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { initialObjects } from '../../../shared/objects/index.ts';
import { InProcess } from '../../oracle/in-process.ts';
import { plainCommand } from '../../oracle/shell-words.ts';
import { readSession, writeStep } from './session.ts';

for (const path of process.argv.slice(2)) {
  const text = readFileSync(path, 'utf8');
  const system = new InProcess(
    'mn',
    initialObjects({
      server: 'mn',
      master: '10.0.0.1',
      domain: 'cluster.test',
      installDir: '/install',
      tftpDir: '/tftpboot',
    }),
  );
  const comments = (/^(?:# .*\n)*/.exec(text)?.[0] ?? '').trimEnd().split('\n');
  const parts = readSession(text).map(({ command, stdin, anyText }) => {
    const answer = system.run(plainCommand(command)?.words ?? [], stdin);
    return writeStep({ command, ...(stdin === undefined ? {} : { stdin }), ...(anyText && { anyText }), ...answer });
  });
  writeFileSync(path, `${[comments.join('\n'), ...parts].filter((part) => part !== '').join('\n\n')}\n`);
}
