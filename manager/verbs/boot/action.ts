import { HostlerError } from '../../../shared/errors/error.ts';

/** What nodeset is to set: `osimage` without a name takes each node's provmethod. */
export type Action =
  | { readonly to: 'boot' | 'offline' | 'stat'; readonly rest: readonly string[] }
  | { readonly to: 'osimage'; readonly image: string; readonly rest: readonly string[] };

/** Needs xCAT's genesis kernel, which Hostler does not have (yet). */
const genesis = ['shell', 'standby', 'runcmd', 'runimage'];

/** Chains (`osimage=a,boot`) give the first for now and the rest for later. Errors in xCAT's words. */
export function actionOf(text: string): Action {
  const [first = '', ...rest] = text.split(',');
  const [word = '', value = ''] = first.split(/=(.*)/s);
  if (['install', 'netboot', 'statelite'].includes(word)) {
    throw wrong(
      'The options "install", "netboot", and "statelite" have been deprecated, use "osimage=<osimage_name>" instead.',
    );
  }
  if (word === 'osimage') return { to: 'osimage', image: value.split(':')[0] ?? '', rest };
  if (first === 'boot' || first === 'offline' || first === 'stat') return { to: first, rest };
  if (genesis.includes(word)) throw wrong('Could not find genesis.kernel.x86_64 or legacy nbk.x86_64 files');
  if (['enact', 'iscsiboot', 'shutdown'].includes(word)) {
    throw wrong(`nodeset ${word} is not part of this version of Hostler`);
  }
  throw wrong(`Unknown state ${first} requested`);
}

function wrong(message: string): HostlerError {
  return new HostlerError('invalid_argument', message);
}
