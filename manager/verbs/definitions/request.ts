import { HostlerError } from '../../../shared/errors/error.ts';
import { expandNoderange } from '../../../shared/noderange/index.ts';
import { commaList, type Condition, objectNames, parseConditions, unreadable } from '../../../shared/objects/index.ts';
import { clustersite, nodeType, objectTypes } from '../../../shared/schema/index.ts';
import { parseStanzas, type StanzaFile } from '../../../shared/stanza/index.ts';
import type { View } from '../../../shared/verb/view.ts';
import { writeAttributeHelp } from './attribute-help.ts';
import { misused, type Options, readOptions } from './options.ts';
import type { Talk } from './talk.ts';

export type Command = 'mkdef' | 'lsdef' | 'chdef' | 'rmdef';

/** A command line of the four, understood. */
export interface Request {
  readonly options: Options;
  /** The type that was asked for, if any; `-u` and lsdef have one of their own. */
  readonly askedType: string | undefined;
  /** Never empty, but for `-a` and stanza input. */
  readonly types: readonly string[];
  /** Object names from the command line, of the first type. */
  readonly names: readonly string[];
  /** The names were typed: what is not there is complained about. */
  readonly named: boolean;
  /** Names came as operands, whatever the type. */
  readonly operandNames: boolean;
  /** attr=value operands; the last one of a name counts. */
  readonly attributes: ReadonlyMap<string, string>;
  readonly conditions: ReadonlyMap<string, Condition>;
  readonly stanzas: StanzaFile | undefined;
}

/**
 * Understands a command line, or says what is wrong with it and gives null. The order of the checks is xCAT's:
 * of several mistakes it names the same one first.
 */
export function readRequest(command: Command, view: View, talk: Talk): Request | null {
  const options = readOptions(talk.asked);
  const wrong = misused(command, options);
  if (wrong !== undefined) return refuse(talk, wrong);
  const askedType = typeOf(command, options);
  const operands = readOperands(command, askedType, view, talk);
  if (operands === null) return null;
  const { attributes } = operands;
  if ((askedType === undefined || askedType === 'node') && command === 'chdef' && (options.minus || options.plus)) {
    if ([...attributes.keys()].some((name) => /^nic\w+\..*$/.test(name))) {
      return refuse(talk, 'chdef does not support to change the nic related attributes with -m or -p flag.');
    }
  }
  if (command === 'rmdef' && notForRmdef(options))
    return refuse(talk, 'Invalid flag specified, see rmdef manpage for details.');
  const stanzas = readInput(command, options, talk);
  if (stanzas === 'unreadable') return null;

  const listed = askedType === undefined ? [] : commaList(askedType);
  if (listed.length > 1 && attributes.size > 0) {
    return refuse(talk, "Cannot combine multiple types with 'att=val' pairs on the command line.");
  }
  for (const type of listed) {
    if (!objectTypes.has(type)) return refuse(talk, `\nType '${type}' is not a valid xCAT object type.`);
  }
  const types = listed.length === 0 && !options.all && (stanzas?.headers ?? []).length === 0 ? ['node'] : listed;
  if (options.help) {
    writeAttributeHelp(types, options.attributes, talk);
    return null;
  }
  const names = readNames(command, options, askedType, types, operands, stanzas, view, talk);
  if (names === null) return null;
  const conditions = readConditions(options, askedType, talk);
  if (conditions === null) return null;
  if (options.attributes !== undefined && command !== 'lsdef') {
    return refuse(talk, "The '-i' option is only valid for the lsdef command.");
  }
  const operandNames = operands.range !== undefined;
  return { options, askedType, types, ...names, operandNames, attributes, conditions, stanzas };
}

function refuse(talk: Talk, text: string): null {
  talk.error(text);
  return null;
}

function typeOf(command: Command, options: Options): string | undefined {
  if (options.types !== undefined) return options.types;
  if (options.fill) return 'osimage';
  return command === 'lsdef' && !options.all && !options.help ? 'node' : undefined;
}

interface Operands {
  readonly attributes: ReadonlyMap<string, string>;
  /** The one operand that is no attribute, as typed. */
  readonly range: string | undefined;
  /** What it names. */
  readonly names: readonly string[];
}

function readOperands(command: Command, type: string | undefined, view: View, talk: Talk): Operands | null {
  const attributes = new Map<string, string>();
  let range: string | undefined;
  let names: readonly string[] = [];
  for (const operand of talk.asked.operands) {
    if (operand.includes('=')) {
      const pair = /^\s*(.*?)\s*=\s*(\S*.*)$/.exec(operand);
      if (pair?.[1] === undefined || pair[2] === undefined) {
        return refuse(talk, `Incorrect 'attr=val' pair - ${operand}.`);
      }
      attributes.set(pair[1], pair[2]);
      continue;
    }
    if (range !== undefined) return refuse(talk, 'noderange can not contain spaces.');
    range = operand;
    if (type !== undefined && type !== 'node') {
      names = commaList(operand);
      continue;
    }
    const expanded = expandNames(command, operand, view, talk);
    if (expanded === null) return null;
    if (expanded.length === 0) return refuse(talk, `No node in '${operand}', check the noderange syntax.`);
    names = expanded;
  }
  return { attributes, range, names };
}

/** Only expressions are looked up; everything else is taken as it is written, so that one can create what it names. */
function expandNames(command: Command, text: string, view: View, talk: Talk): readonly string[] | null {
  const verify = command !== 'mkdef' && text.startsWith('/');
  try {
    return expandNoderange(view, text, { verify, files: talk.asked.files }).nodes;
  } catch (error) {
    if (!(error instanceof HostlerError)) throw error;
    const readable = error.code !== 'invalid_argument' || !verify;
    return refuse(talk, readable ? error.message : `Invalid regular expression ${text}, check the noderange syntax.`);
  }
}

function notForRmdef(options: Options): boolean {
  return (
    options.dynamic ||
    options.attributes !== undefined ||
    options.long ||
    options.minus ||
    options.plus ||
    options.where.length > 0 ||
    options.stanza ||
    options.short
  );
}

function readInput(command: Command, options: Options, talk: Talk): StanzaFile | undefined | 'unreadable' {
  const { input, stanzas } = talk.asked;
  if (stanzas !== undefined) return stanzas;
  if (input === undefined || command === 'lsdef' || command === 'rmdef' || !options.stanza) return undefined;
  try {
    return parseStanzas(input);
  } catch (error) {
    if (!(error instanceof HostlerError)) throw error;
    talk.error(error.message);
    return 'unreadable';
  }
}

function readNames(
  command: Command,
  options: Options,
  askedType: string | undefined,
  types: readonly string[],
  operands: Operands,
  stanzas: StanzaFile | undefined,
  view: View,
  talk: Talk,
): Pick<Request, 'names' | 'named'> | null {
  if (options.all && (options.objects !== undefined || stanzas !== undefined || operands.range !== undefined)) {
    return refuse(talk, "Cannot use '-a' with '-o', a noderange or file input.");
  }
  const inFile = (stanzas?.headers.length ?? 0) > 0;
  let names: readonly string[] = [];
  let named = true;
  if (askedType === 'site') {
    const typed = options.objects === undefined ? operands.names : commaList(options.objects);
    // Whatever name is given, it is the one site object that is meant; lsdef complains about the other name.
    names = command === 'lsdef' ? [...new Set([...typed, clustersite])] : [clustersite];
  } else if (options.objects !== undefined) {
    const found = askedType === 'node' ? expandNames(command, options.objects, view, talk) : commaList(options.objects);
    if (found === null) return null;
    names = found;
  } else if (operands.names.length > 0) {
    names = operands.names;
  } else if (options.all || (options.template !== undefined && command === 'lsdef')) {
    return { names: [], named: false };
  } else if (command === 'lsdef') {
    named = false;
    names = types.flatMap((type) => objectNames(view, type));
    return { names, named };
  }
  if (names.length === 0 && !inFile) return refuse(talk, 'No object names were provided.');
  return { names, named };
}

function readConditions(
  options: Options,
  askedType: string | undefined,
  talk: Talk,
): ReadonlyMap<string, Condition> | null {
  const conditions = parseConditions(options.where);
  if (conditions === undefined) return refuse(talk, 'Incorrect selection string specified with -w flag.');
  const reason = unreadable(conditions);
  if (reason !== undefined) return refuse(talk, reason);
  if (askedType === 'group' && options.dynamic) {
    for (const attribute of conditions.keys()) {
      if (nodeType.byName.has(attribute)) continue;
      return refuse(talk, `Incorrect attribute '${attribute}' in the selection string specified with -w flag.`);
    }
  }
  return conditions;
}
