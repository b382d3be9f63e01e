import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { completionScript } from '../../../../cli/hostler/completion.ts';
import { subCommands } from '../../../../cli/hostler/index.ts';

/** What bash offers for a command line; the last word is the one being typed. */
function offered(...words: string[]): string[] {
  const line = words.map((word) => `'${word}'`).join(' ');
  const script = `${completionScript(subCommands())}\nCOMP_WORDS=(${line}); COMP_CWORD=${String(words.length - 1)}; _hostler; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = spawnSync('bash', ['--norc', '-s'], { input: script, encoding: 'utf8' });
  expect(stderr).toBe('');
  return stdout.split('\n').filter((word) => word !== '');
}

describe('completion in bash', () => {
  it('offers commands, options and words', () => {
    expect(offered('hostler', 'ag')).toEqual(['agents']);
    expect(offered('hostler', 'agents', 'to')).toEqual(['token']);
    expect(offered('nodels', '--w')).toEqual(['--with-fieldname']);
    expect(offered('/opt/hostler/bin/lsdef', '-t', 'osi')).toEqual(['osimage']);
  });

  it('offers nothing that a command does not take', () => {
    expect(offered('hostler', 'cancel', '--follow')).toEqual([]);
  });
});
