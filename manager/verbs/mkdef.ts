import { type Surroundings, surroundings } from '../../shared/objects/change.ts';
import { attributesOf, objectExists, objectNames } from '../../shared/objects/index.ts';
import { objectTypes } from '../../shared/schema/index.ts';
import type { Asked } from '../../shared/verb/asked.ts';
import type { Effect } from '../../shared/verb/effect.ts';
import { end, type Verb } from '../../shared/verb/verb.ts';
import type { View } from '../../shared/verb/view.ts';
import { conditionsHold, dropDefaultScripts, write } from './definitions/apply.ts';
import { ChangeSet } from './definitions/change-set.ts';
import { commit, listUpdated, someFailed } from './definitions/finish.ts';
import type { Lists } from './definitions/lists.ts';
import { type ListsState, onLists, withLists } from './definitions/look-for-lists.ts';
import { membersWanted } from './definitions/group-members.ts';
import { capitalName, dottedName, invalidName, isValidName } from './definitions/names.ts';
import { newNetworkProblem } from './definitions/network-check.ts';
import { fillOsimage, nfsOptionsProblem } from './definitions/osimage.ts';
import { isBare } from './definitions/options.ts';
import { readRequest, type Request } from './definitions/request.ts';
import { Talk } from './definitions/talk.ts';
import { templates } from './definitions/templates.ts';
import { collectWanted, comingFrom, type Wanted } from './definitions/wanted.ts';

/** Creates definitions. What is refused is refused object by object, the rest is one commit. Facts on objects, section 12. */
export const mkdef: Verb<ListsState | null> = {
  name: 'mkdef',
  version: 1,
  changes: true,
  start: (asked, known) => (isBare(asked) ? end({ do: 'done', exit: 0 }) : withLists(asked, known, run)),
  on: (state, report, known) => onLists(state, report, known, run),
};

function run(asked: Asked, known: View, lists: Lists): readonly Effect[] {
  const talk = new Talk(asked);
  const request = readRequest('mkdef', known, talk);
  if (request === null) return talk.done();
  const complete = withTemplate(request, known, talk);
  if (complete !== undefined && allowed(complete, talk)) make(complete, known, talk, lists);
  return talk.done();
}

/** Checks that concern the whole command: nothing at all is done when one fails. */
function allowed({ options, askedType, names, operandNames, stanzas }: Request, talk: Talk): boolean {
  if (options.plus || options.minus) return no(talk, "The '-p' and '-m' options are not valid for the mkdef command.");
  if (options.types !== undefined && (options.all || options.stanza)) {
    return no(talk, "Cannot combine '-t' and '-a', '-z', or '-x' options.");
  }
  if (options.stanza && (options.objects !== undefined || operandNames)) {
    return no(talk, "Cannot use '-z' with '-o' or a noderange.");
  }
  const types = new Map(stanzas?.stanzas.map(({ name, objtype }) => [name, objtype]));
  const dotted: string[] = [];
  const invalid: string[] = [];
  const capital: string[] = [];
  for (const name of [...names, ...(stanzas?.headers ?? [])]) {
    const type = askedType ?? types.get(name);
    if (!isValidName(name, type)) invalid.push(name);
    if ((type ?? 'node') !== 'node') continue;
    if (/[A-Z]/.test(name)) capital.push(name);
    else if (name.includes('.')) dotted.push(name);
  }
  if (dotted.length > 0) return no(talk, dottedName(dotted.join(',')));
  if (invalid.length > 0) return no(talk, invalidName(invalid.join(',')));
  if (capital.length > 0) talk.warning(capitalName(capital.join(',')));
  return true;
}

function no(talk: Talk, text: string): false {
  talk.error(text);
  return false;
}

/** The attributes of the template that are not given on the command line join those that are. */
function withTemplate(request: Request, view: View, talk: Talk): Request | undefined {
  const name = request.options.template;
  if (name === undefined || name === '') return request;
  const [type = 'node'] = request.types;
  const attributes = new Map(request.attributes);
  const shipped = templates.get(name);
  if (shipped?.type === type) {
    for (const [attr, value] of Object.entries(shipped.attributes)) {
      const given = attributes.get(attr) ?? '';
      if (given !== '') continue;
      if (value.startsWith('MANDATORY:')) {
        talk.error(`The attribute "${attr}" must be specified!`);
        return undefined;
      }
      attributes.set(attr, value.startsWith('OPTIONAL:') ? '' : value);
    }
    return { ...request, attributes };
  }
  if (!objectExists(view, type, name)) {
    talk.error(`Could not find the template object named '${name}' of type '${type}'.`);
    return undefined;
  }
  if (request.names.includes(name)) {
    talk.error('The template node cannot be the same as the node to create.');
    return undefined;
  }
  for (const [attr, { value, reported }] of attributesOf(view, type, name)) {
    if (reported !== true && (attributes.get(attr) ?? '') === '') attributes.set(attr, value);
  }
  return { ...request, attributes };
}

function make(request: Request, view: View, talk: Talk, lists: Lists): void {
  const { options } = request;
  const { wanted, clean } = collectWanted(request, view, talk);
  if (!clean) return;
  if (wanted.length === 0) {
    const required = (request.askedType ?? '').split(',').includes('node')
      ? " The 'groups' attribute is required when creating node definitions."
      : '';
    talk.error(`No object definitions have been created or modified: no attributes were specified.${required}`);
    return;
  }
  if (options.verbose) describe(request, wanted, view, talk);
  const set = new ChangeSet(view);
  const created: string[] = [];
  const objects: { type: string; name: string }[] = [];
  let failed = false;
  let existing = 0;
  const coming = comingFrom(wanted);
  for (const object of wanted) {
    const outcome = makeOne(request, object, coming, view, set, talk, lists);
    if (outcome === 'failed') failed = true;
    if (outcome === 'exists') existing += 1;
    if (outcome === 'written') {
      created.push(object.name);
      objects.push({ type: object.type, name: object.name });
    }
  }
  if (!commit(view, talk, set, options.strict, existing)) return;
  talk.data({ written: objects });
  if (failed) {
    talk.error(someFailed);
    return;
  }
  if (options.verbose && created.length > 0) {
    listUpdated(created, talk);
  } else if (options.verbose) {
    talk.error('The database was not updated.');
  }
  const count = `${created.length} object definitions have been created or modified.`;
  if (created.length > 0) talk.line(count);
  else talk.error(count);
}

type Outcome = 'written' | 'nothing' | 'exists' | 'failed';

function makeOne(
  request: Request,
  object: Wanted,
  coming: ReturnType<typeof comingFrom>,
  view: View,
  set: ChangeSet,
  talk: Talk,
  lists: Lists,
): Outcome {
  const { options } = request;
  const { type, name, attributes } = object;
  const exists = objectExists(view, type, name);
  const problem = type === 'network' ? networkProblem(view, object, exists) : undefined;
  if (problem !== undefined) return fail(talk, problem);
  if (exists && !options.force) {
    talk.warning(
      `A definition for '${name}' already exists. No changes will be made.  Run again with '-f' option to force replace.`,
    );
    return 'exists';
  }
  if (type === 'node' && (attributes.get('groups') ?? '') === '') {
    return fail(talk, `Attribute 'groups' is not specified for node '${name}', skipping to the next node.`);
  }
  if (type === 'group' && !groupAllowed(request, object, talk)) return 'failed';
  const around = nothingThere(view, object, coming);
  if (!conditionsHold(type, Object.fromEntries(attributes), around, talk)) return 'failed';
  const nfs = type === 'osimage' ? nfsOptionsProblem(attributes.get('nfsrootopts')) : undefined;
  if (nfs !== undefined) return fail(talk, nfs);
  if (type === 'osimage' && options.fill && !fillOsimage(view, attributes, talk, lists)) return 'failed';
  if (exists) set.replace(type, name);
  if (type === 'group') fillGroup(request, object, view, set, talk);
  dropDefaultScripts(view, type, name, attributes, talk);
  const written = write(view, set, { type, name }, Object.fromEntries(attributes), around);
  return written ? 'written' : 'nothing';
}

function fail(talk: Talk, text: string): 'failed' {
  talk.error(text);
  return 'failed';
}

function networkProblem(view: View, object: Wanted, exists: boolean): string | undefined {
  if (!exists) return newNetworkProblem(view, object);
  return `A network definition called '${object.name}' already exists. Cannot create a definition for '${object.name}'.`;
}

/** What is there now does not count: it is not there, or is going to be replaced. Groups that are named do count. */
function nothingThere(
  view: View,
  { type, name, attributes }: Wanted,
  coming: ReturnType<typeof comingFrom>,
): Surroundings {
  return { ...surroundings(view, type, name, Object.fromEntries(attributes), coming), known: () => undefined };
}

function groupAllowed({ options }: Request, { name, attributes }: Wanted, talk: Talk): boolean {
  const grouptype = attributes.get('grouptype') ?? '';
  if (grouptype === '' && options.dynamic && attributes.size > 0) {
    return no(talk, `Can not assign attributes to dynamic node group '${name}'.`);
  }
  const dynamic = grouptype === 'dynamic' || (grouptype === '' && options.dynamic);
  const conditions = options.where.length > 0;
  if (dynamic && !conditions && (attributes.get('wherevals') ?? '') === '') {
    talk.error(`The 'where' attributes and values were not provided for dynamic group '${name}'.`);
    return no(talk, 'Skipping to the next group.');
  }
  if (!dynamic && conditions && (attributes.get('members') ?? '') !== '') {
    return no(talk, "Cannot use a list of members together with the '-w' option.");
  }
  return true;
}

function fillGroup(
  { options, conditions }: Request,
  { name, attributes }: Wanted,
  view: View,
  set: ChangeSet,
  talk: Talk,
): void {
  const grouptype = attributes.get('grouptype') ?? '';
  if (grouptype === '') attributes.set('grouptype', options.dynamic ? 'dynamic' : 'static');
  if (attributes.get('grouptype') === 'dynamic') {
    if (grouptype === '') attributes.set('members', 'dynamic');
    if ((attributes.get('wherevals') ?? '') === '') attributes.set('wherevals', options.where.join('::'));
    return;
  }
  const members = attributes.get('members') ?? '';
  if (members === '' && options.where.length === 0) {
    talk.warning(`Cannot determine a member list for group '${name}'.`);
    return;
  }
  for (const node of membersWanted(view, talk, members, conditions)) set.addToGroup(node, name);
  attributes.set('members', 'static');
}

/** What `-V` tells before anything happens. */
function describe(request: Request, wanted: readonly Wanted[], view: View, talk: Talk): void {
  for (const { name, attributes } of wanted) {
    for (const [attr, value] of attributes) {
      talk.line('\nFunction: defmk-->set the attrs for each object definition');
      talk.line(`defmk: objname=${name}, attr=${attr}, value=${value}`);
    }
  }
  for (const type of new Set(wanted.map((object) => object.type))) {
    if (!objectTypes.has(type) || request.stanzas !== undefined) continue;
    talk.line('\ndefmk: list objects that are defined for each type');
    talk.line(objectNames(view, type).join(' '));
  }
}
