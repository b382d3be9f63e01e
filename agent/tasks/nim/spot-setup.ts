import { HostlerError } from '../../../shared/errors/error.ts';
import type { NimSpotSetup } from '../../../shared/task/nim.ts';
import { textFile } from '../../../shared/text/text-file.ts';
import { aixPassword } from './aix-password.ts';
import { quoted } from '../../../shared/text/shell-words.ts';
import type { NimMaster } from './master.ts';
import { first } from './objects.ts';

const prepare = textFile(import.meta.url, './prepare-spot.sh');
const bootScript = textFile(import.meta.url, '../../../share/postscripts/hostleraixboot');

/**
 * Makes a SPOT ready for its diskless and dataless nodes: a script that fetches and runs the postscripts, its line in
 * inittab, the password of root. A SPOT that nodes use is not changed; what it lacks is said. Done again, it changes
 * nothing. Returns true when something was changed.
 */
export async function setUpSpot(master: NimMaster, setup: NimSpotSetup, lines: string[]): Promise<boolean> {
  const spot = await master.show(setup.spot);
  if (spot?.type !== 'spot')
    throw new HostlerError('not_found', `There is no spot resource named ${setup.spot} on ${master.login.name}.`);
  const root = `${first(spot, 'location')}/lpp/bos/inst_root`;
  const free = (first(spot, 'alloc_count') || '0') === '0';
  const password = aixPassword(setup.rootPassword, await heldPassword(master, root));
  if (password === '' && setup.rootPassword.value !== '')
    throw new HostlerError(
      'invalid_argument',
      'The password of root (passwd key=system,username=root) is not one line.',
    );
  const script = bootScript
    .replace('@POSTSCRIPTS@', quoted(setup.postscripts))
    .replace('@MASTER@', quoted(setup.master));
  const dotted = script
    .trimEnd()
    .split('\n')
    .map((line) => `.${line}\n`)
    .join('');
  const ran = await master.login.run('sh', ['-c', prepare, 'sh', root, free ? 'yes' : 'no'], {
    input: `${dotted}@end\n${password}\n`,
  });
  if (ran.exit !== 0)
    throw new HostlerError(
      'failed_precondition',
      `The SPOT ${setup.spot} cannot be made ready for postscripts: ${ran.stderr.trim() || `exit ${String(ran.exit)}`}`,
    );
  const named = (word: string): string[] =>
    ran.stdout.split('\n').flatMap((line) => (line.startsWith(`${word} `) ? [line.slice(word.length + 1)] : []));
  for (const name of named('changed')) master.log(`${root}/${name} was written.`);
  if (named('missing').length > 0)
    lines.push(
      `Warning: the SPOT ${setup.spot} has no ${named('missing').join(', no ')} (${root}): its nodes may not run postscripts.`,
    );
  if (named('stale').length > 0)
    lines.push(
      `Warning: the SPOT ${setup.spot} is in use and was not changed, though it should be: ${named('stale').join(', ')}. Take its nodes away (rmdsklsnode), then run this again.`,
    );
  if (setup.rootPassword.value === '')
    lines.push(
      `Warning: no root password is known for the nodes of ${setup.spot}. Set it: tabch key=system,username=root passwd.password=<password>.`,
    );
  return named('changed').length > 0;
}

/** What the tree has as root's password now. It stays in this process. */
async function heldPassword(master: NimMaster, root: string): Promise<string> {
  const ran = await master.login.run('cat', [`${root}/etc/security/passwd`]);
  if (ran.exit !== 0) return '';
  const stanza = /^root:\s*\n((?:[ \t].*\n?)*)/m.exec(ran.stdout)?.[1] ?? '';
  return /^\s+password\s*=\s*(\S+)/m.exec(stanza)?.[1] ?? '';
}
