import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { initialObjects } from '../../shared/objects/index.ts';
import { InProcess } from '../oracle/in-process.ts';
import { plainCommand } from '../oracle/shell-words.ts';
import { readSession } from './commands/session.ts';

const folder = fileURLToPath(new URL('commands/', import.meta.url));

/** Where sessions begin: a manager on its first day. */
const start = initialObjects({
  server: 'mn',
  master: '10.0.0.1',
  domain: 'cluster.test',
  installDir: '/install',
  tftpDir: '/tftpboot',
});

describe.each(readdirSync(folder).filter((name) => name.endsWith('.session')))('%s', (name) => {
  const system = new InProcess('mn', start);
  for (const step of readSession(readFileSync(folder + name, 'utf8'))) {
    test(`${step.line}: ${step.command}`, () => {
      const words = plainCommand(step.command)?.words;
      if (words === undefined) throw new Error('Sessions hold plain commands only');
      const { stdout, stderr, rc } = system.run(words, step.stdin);
      if (step.anyText === true) expect(rc).toBe(step.rc);
      else expect({ stdout, stderr, rc }).toEqual({ stdout: step.stdout, stderr: step.stderr, rc: step.rc });
    });
  }
});
