// A pager needs the terminal itself, which shared/process keeps from programs.
// eslint-disable-next-line no-restricted-imports
import { spawnSync } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { HostlerError } from '../../shared/errors/error.ts';
import type { CommandLine } from '../command.ts';

/** hostler man: shows a page that lies beside this program, so that no MANPATH has to know it. */
export function showManPage(line: CommandLine): Promise<number> {
  const [name = 'hostler'] = line.operands;
  const folder = join(dirname(realpathSync(process.argv[1] ?? '.')), 'man');
  const names = [`man1/${name}.1`, `man1/hostler-${name}.1`, `man7/hostler-${name}.7`, `man5/hostler-${name}.5`];
  const found = /^[A-Za-z0-9_-]+$/.test(name)
    ? names.map((each) => join(folder, each)).find((path) => existsSync(path))
    : undefined;
  if (found === undefined) {
    throw new HostlerError('not_found', `There is no page about '${name}'. The pages lie in ${folder}.`);
  }
  const ended = spawnSync('man', [found], { stdio: 'inherit' });
  if (ended.error === undefined) return Promise.resolve(ended.status ?? 1);
  throw new HostlerError('failed_precondition', `The page is ${found}; the program man, which shows it, is not there.`);
}
