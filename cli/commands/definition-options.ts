import type { OptionDefinition } from '../command.ts';

/**
 * mkdef, lsdef, chdef and rmdef share one set of options, as in xCAT: each takes all of them, and the verb says in
 * xCAT's words which are not for it. `own` are those that mean something here, with what they mean.
 */
export function definitionOptions(own: Readonly<Partial<Record<OptionName, string>>>): readonly OptionDefinition[] {
  const chosen = Object.entries(own).map(([name, help]) => ({ ...options[name as OptionName], help }));
  const others = Object.entries(options)
    .filter(([name]) => !(name in own) && !(name.startsWith('stanza') && ('stanza' in own || 'stanzaInput' in own)))
    .filter(([name]) => name !== 'stanzaInput')
    .map(([, option]) => ({ ...option, help: 'Not for this command', hidden: true }));
  return [...chosen, ...others];
}

type OptionName = keyof typeof options;

const types = [
  'auditlog',
  'boottarget',
  'eventlog',
  'firmware',
  'group',
  'kit',
  'kitcomponent',
  'kitrepo',
  'monitoring',
  'network',
  'node',
  'notification',
  'osdistro',
  'osdistroupdate',
  'osimage',
  'pdu',
  'policy',
  'rack',
  'route',
  'site',
  'taskstate',
  'zone',
  'zvmivp',
];

const options = {
  type: { short: 't', value: 'TYPE', complete: types },
  objects: { short: 'o', value: 'NAMES', nodeRange: true, complete: 'object' },
  attributes: { short: 'i', value: 'ATTRIBUTES', complete: 'attribute' },
  where: { short: 'w', value: 'ATTR==VALUE', repeat: true, complete: 'assignment' },
  newName: { short: 'n', value: 'NAME' },
  all: { long: 'all', short: 'a' },
  compress: { long: 'compress', short: 'c' },
  dynamic: { long: 'dynamic', short: 'd' },
  force: { long: 'force', short: 'f' },
  long: { long: 'long', short: 'l' },
  short: { long: 'short', short: 's' },
  minus: { long: 'minus', short: 'm' },
  plus: { long: 'plus', short: 'p' },
  verbose: { long: 'verbose', short: 'V' },
  stanza: { long: 'stanza', short: 'z' },
  stanzaInput: { long: 'stanza', short: 'z', input: true },
  xml: { long: 'xml', short: 'x' },
  hidden: { short: 'S' },
  osimage: { long: 'osimage' },
  nics: { long: 'nics' },
  fill: { short: 'u' },
  template: { long: 'template', value: 'NAME', optionalValue: true },
  cleanup: { long: 'cleanup', short: 'C' },
  nocache: { long: 'nocache' },
  strict: { long: 'strict' },
  help: { long: 'help', short: 'h?' },
} as const;
