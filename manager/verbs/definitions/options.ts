import { type Asked, hasFlag, optionValue } from '../../../shared/verb/asked.ts';

/** The options of the four commands; each refuses what is not for it. */
export interface Options {
  readonly all: boolean;
  readonly compress: boolean;
  readonly dynamic: boolean;
  readonly force: boolean;
  readonly help: boolean;
  readonly long: boolean;
  readonly short: boolean;
  readonly minus: boolean;
  readonly plus: boolean;
  readonly verbose: boolean;
  readonly stanza: boolean;
  readonly hidden: boolean;
  readonly osimage: boolean;
  readonly nics: boolean;
  readonly fill: boolean;
  readonly cleanup: boolean;
  readonly xml: boolean;
  /** All or nothing. */
  readonly strict: boolean;
  readonly attributes: string | undefined;
  readonly newName: string | undefined;
  readonly objects: string | undefined;
  readonly types: string | undefined;
  readonly template: string | undefined;
  readonly where: readonly string[];
}

/** Nothing but the command's name: its usage is the answer, and that is no mistake. */
export function isBare({ operands, options }: Asked): boolean {
  return operands.length === 0 && Object.keys(options).length === 0;
}

export function readOptions(asked: Asked): Options {
  const flag = (name: string): boolean => hasFlag(asked, name);
  const nics = flag('nics');
  return {
    all: flag('all'),
    compress: flag('compress'),
    dynamic: flag('dynamic'),
    force: flag('force'),
    help: flag('help'),
    long: flag('long'),
    short: flag('short') || isBare(asked),
    minus: flag('minus'),
    plus: flag('plus'),
    verbose: flag('verbose'),
    stanza: flag('stanza'),
    hidden: flag('S'),
    osimage: flag('osimage'),
    nics,
    fill: flag('u'),
    cleanup: flag('cleanup'),
    xml: flag('xml'),
    strict: flag('strict'),
    attributes: given(asked, 'i'),
    newName: given(asked, 'n'),
    objects: given(asked, 'o'),
    types: given(asked, 't'),
    template: optionValue(asked, 'template'),
    where: asked.options['w'] ?? [],
  };
}

/** Perl takes an empty value for none. */
function given(asked: Asked, name: string): string | undefined {
  const value = optionValue(asked, name);
  return value === '' ? undefined : value;
}

/** Options that do not go together, or not with this command; in the order in which xCAT looks. undefined: all well. */
export function misused(command: string, options: Options): string | undefined {
  const rules: readonly (readonly [boolean, string])[] = [
    [options.fill && command !== 'chdef' && command !== 'mkdef', `Option '-u' can not work with ${command}.`],
    [options.cleanup && command !== 'rmdef', `Option '-C' can not be used with ${command}.`],
    [
      options.fill && options.types !== undefined && options.types !== 'osimage',
      "Option '-u' only work for objtype 'osimage'.",
    ],
    // xCAT takes the option and answers so: there has never been an XML form, in its manual neither.
    [options.xml, "The '-x' (XML format) option is not yet implemented."],
    [options.attributes !== undefined && options.osimage, together('-i', '--osimage')],
    [options.stanza && options.osimage, together('-z', '--osimage')],
    [options.all && options.types !== undefined, together('-a', '-t')],
    [options.long && options.short, together('-l', '-s')],
    [options.nics && options.attributes !== undefined, together('-i', '--nics')],
    [(options.attributes !== undefined || options.nics) && options.short, together('-i', '-s')],
    [
      options.compress && options.attributes === undefined && !options.nics,
      "The flags '-c' and '-i' must be used together.",
    ],
    [
      options.template !== undefined && command !== 'mkdef' && command !== 'lsdef',
      `The option '--template' can not be used with '${command}'.`,
    ],
    [options.template === '' && command === 'mkdef', 'no object definition template specified for mkdef --template!'],
    [
      command === 'mkdef' && options.template?.includes(',') === true,
      'Only 1 template object definition should be specified for mkdef!',
    ],
    [
      options.template !== undefined && options.template !== '' && options.stanza && command === 'mkdef',
      'The file input can not be used with --template option!',
    ],
  ];
  return rules.find(([wrong]) => wrong)?.[1];
}

function together(first: string, second: string): string {
  return `The flags '${first}' and '${second}' cannot be used together.`;
}

/** The attributes that `--nics` stands for. */
export const nicAttributes =
  'nicips,nichostnamesuffixes,nichostnameprefixes,nictypes,niccustomscripts,nicnetworks,nicaliases,nicextraparams,nicdevices';
