import { attribute, joinNics, nicAttribute, splitNics } from '../../../shared/objects/index.ts';
import { objectTypes } from '../../../shared/schema/index.ts';
import type { View } from '../../../shared/verb/view.ts';
import { hasControlCharacter } from './names.ts';
import type { Request } from './request.ts';
import type { Talk } from './talk.ts';

/** What a command wants of one object. */
export interface Wanted {
  readonly type: string;
  readonly name: string;
  /** nic attributes collapsed to their stored form. */
  readonly attributes: Map<string, string>;
}

/** What the command itself gives to groups: nodes that it creates in them may rely on it. */
export function comingFrom(wanted: readonly Wanted[]): (group: string, attribute: string) => string | undefined {
  const groups = new Map(
    wanted.filter(({ type }) => type === 'group').map((object) => [object.name, object.attributes]),
  );
  return (group, attr) => groups.get(group)?.get(attr);
}

/** Longer values are no attributes but files. */
const longestValue = 65_536;
const longestAttribute = 200;

/**
 * Puts together what is wanted of each object, from the stanza file and from the command line. What is no attribute is
 * complained about and left out; `false` says that something was.
 */
export function collectWanted(request: Request, view: View, talk: Talk): { wanted: Wanted[]; clean: boolean } {
  const found = new Map<string, Wanted>();
  const before = talk.errors;
  fromStanzas(request, found, talk);
  const [type = 'node'] = request.types;
  if (request.attributes.size > 0 || request.askedType === 'group') {
    for (const name of request.names) found.set(name, fromOperands(request, type, name, view, talk));
  }
  return { wanted: [...found.values()], clean: talk.errors === before };
}

function fromStanzas(request: Request, found: Map<string, Wanted>, talk: Talk): void {
  for (const { name: header, objtype, attributes } of request.stanzas?.stanzas ?? []) {
    if (objtype === undefined || objtype === '') {
      talk.error(`\nNo objtype value was specified for '${header}'. Cannot create object definition.`);
      continue;
    }
    if (!objectTypes.has(objtype)) {
      talk.error(`\nType '${objtype}' is not a valid xCAT object type.`);
      continue;
    }
    const wanted: Wanted = { type: objtype, name: header, attributes: new Map() };
    const nics = new Map<string, Map<string, string>>();
    for (const [typed, value] of attributes) {
      const given = currentName(objtype, typed, header, talk);
      if (!isAttribute(objtype, given)) {
        const shown = nicAttribute(given)?.attribute ?? given;
        talk.error(`'${shown}' is not a valid attribute name for an object type of '${objtype}'.`);
      } else if (isReasonable(given, value, header, talk)) {
        const nic = nicAttribute(given);
        if (nic === undefined || objtype === 'site') wanted.attributes.set(given, value);
        else nics.set(nic.attribute, (nics.get(nic.attribute) ?? new Map<string, string>()).set(nic.nic, value));
      }
    }
    for (const [attr, values] of nics) wanted.attributes.set(attr, collapse(values));
    found.set(header, wanted);
  }
}

/** Documents older than xCAT 2.2 say model; it has been called mtm since. */
function currentName(type: string, name: string, object: string, talk: Talk): string {
  if (name !== 'model' || (type !== 'node' && type !== 'group')) return name;
  talk.warning(`The attribute 'model' of '${object}' is taken as 'mtm', as it is called now.`);
  return 'mtm';
}

function fromOperands(request: Request, type: string, name: string, view: View, talk: Talk): Wanted {
  const wanted: Wanted = { type, name, attributes: new Map() };
  const nics = new Map<string, Map<string, string>>();
  for (const [given, value] of request.attributes) {
    if (!isAttribute(type, given)) {
      talk.error(
        `'${nicAttribute(given)?.attribute ?? given}' is not a valid attribute name for an object type of '${type}'.`,
      );
      talk.error('Skipping to the next attribute.');
    } else if (isReasonable(given, value, name, talk)) {
      const nic = nicAttribute(given);
      if (nic === undefined || (type !== 'node' && type !== 'group')) {
        wanted.attributes.set(given, value);
        continue;
      }
      // Setting one interface keeps the others.
      const kept = nics.get(nic.attribute) ?? storedNics(view, type, name, nic.attribute);
      nics.set(nic.attribute, kept.set(nic.nic, value));
    }
  }
  for (const [attr, values] of nics) wanted.attributes.set(attr, collapse(values));
  return wanted;
}

function storedNics(view: View, type: string, name: string, attr: string): Map<string, string> {
  const stored = attribute(view, type, name, attr)?.value ?? '';
  return new Map(splitNics(stored).map(({ nic, value }) => [nic, value]));
}

function collapse(values: ReadonlyMap<string, string>): string {
  return joinNics([...values].map(([nic, value]) => ({ nic, value })));
}

/** site and monitoring take any name. */
function isAttribute(type: string, given: string): boolean {
  if (type === 'site' || type === 'monitoring') return true;
  return objectTypes.get(type)?.byName.has(nicAttribute(given)?.attribute ?? given) === true;
}

function isReasonable(attr: string, value: string, object: string, talk: Talk): boolean {
  if (value.length > longestValue) {
    talk.error(
      `The value of attribute '${attr}' for '${object}' has ${value.length} characters; at most ${longestValue} are kept. Put it into a file and name the file.`,
    );
    return false;
  }
  if (attr === '' || attr.length > longestAttribute || hasControlCharacter(attr) || hasControlCharacter(value)) {
    talk.error(
      `Attribute '${visible(attr)}' for '${visible(object)}' has an empty name or control characters; write it as plain text.`,
    );
    return false;
  }
  return true;
}

function visible(text: string): string {
  return JSON.stringify(text.slice(0, 80)).slice(1, -1);
}
