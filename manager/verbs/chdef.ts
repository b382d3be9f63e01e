import { type Surroundings, surroundings } from '../../shared/objects/change.ts';
import { attribute, groupNames, objectExists, objectNames, ownAttributesOf } from '../../shared/objects/index.ts';
import type { Asked } from '../../shared/verb/asked.ts';
import type { Effect } from '../../shared/verb/effect.ts';
import { end, type Verb } from '../../shared/verb/verb.ts';
import type { View } from '../../shared/verb/view.ts';
import { conditionsHold, dropDefaultScripts, write } from './definitions/apply.ts';
import { ChangeSet } from './definitions/change-set.ts';
import { commit, listUpdated, someFailed } from './definitions/finish.ts';
import { changeGroup } from './definitions/change-group.ts';
import type { Lists } from './definitions/lists.ts';
import { type ListsState, onLists, withLists } from './definitions/look-for-lists.ts';
import { addItems, removeItems } from './definitions/list-values.ts';
import { capitalName, dottedName, invalidName, isValidName } from './definitions/names.ts';
import { changedNetworkProblem, newNetworkProblem } from './definitions/network-check.ts';
import { fillOsimage, nfsOptionsProblem } from './definitions/osimage.ts';
import { rename } from './definitions/rename.ts';
import { isBare } from './definitions/options.ts';
import { readRequest, type Request } from './definitions/request.ts';
import { Talk } from './definitions/talk.ts';
import { collectWanted, comingFrom, type Wanted } from './definitions/wanted.ts';

/** Changes definitions, creates those that are not there, renames one. Facts on objects, section 13. */
export const chdef: Verb<ListsState | null> = {
  name: 'chdef',
  version: 1,
  changes: true,
  start: (asked, known) => (isBare(asked) ? end({ do: 'done', exit: 0 }) : withLists(asked, known, run)),
  on: (state, report, known) => onLists(state, report, known, run),
};

function run(asked: Asked, known: View, lists: Lists): readonly Effect[] {
  const talk = new Talk(asked);
  const request = readRequest('chdef', known, talk);
  if (request === null) return talk.done();
  if (request.options.newName !== undefined) rename(request, request.options.newName, known, talk);
  else if (allowed(request, talk)) change(request, known, talk, lists);
  return talk.done();
}

function allowed({ options, operandNames }: Request, talk: Talk): boolean {
  const rules: readonly (readonly [boolean, string])[] = [
    [options.force, "The '-f' option is not valid for the chdef command."],
    [
      options.types !== undefined && (options.all || options.stanza),
      "Cannot combine '-t' and '-a', '-z', or '-x' options.",
    ],
    [options.stanza && (options.objects !== undefined || operandNames), "Cannot use '-z' with '-o' or a noderange."],
    [options.fill && (options.plus || options.minus), "Cannot use '-u' with '-p' or '-m'."],
  ];
  const wrong = rules.find(([applies]) => applies)?.[1];
  if (wrong !== undefined) talk.error(wrong);
  return wrong === undefined;
}

/** How one object fared. */
interface Outcome {
  /** Something of it is written. */
  readonly written: boolean;
  /** It was refused: the command ends with xCAT's general complaint. */
  readonly failed: boolean;
  readonly created: boolean;
}

const refused: Outcome = { written: false, failed: true, created: false };

function change(request: Request, view: View, talk: Talk, lists: Lists): void {
  const { options } = request;
  const { wanted, clean } = collectWanted(request, view, talk);
  if (options.verbose) describe(wanted, view, talk);
  const set = new ChangeSet(view);
  const written: { type: string; name: string }[] = [];
  const created: { type: string; name: string }[] = [];
  let failed = !clean;
  const named = wanted.filter((object) => hasValidName(object, view));
  if (named.length < wanted.length) complainAboutNames(wanted, view, talk);
  const coming = comingFrom(wanted);
  for (const object of named) {
    const outcome = changeOne(request, object, coming, view, set, talk, lists);
    failed ||= outcome.failed;
    if (outcome.written) written.push({ type: object.type, name: object.name });
    if (outcome.created) created.push({ type: object.type, name: object.name });
  }
  if (!commit(view, talk, set, options.strict)) return;
  talk.data({ written, created });
  if (failed) {
    talk.error(someFailed);
    return;
  }
  if (options.verbose) {
    if (written.length === 0) talk.line('No database was updated');
    else
      listUpdated(
        written.map(({ name }) => name),
        talk,
      );
    return;
  }
  if (written.length === 0) talk.line('No object definitions have been created or modified.');
  else talk.line(`${written.length} object definitions have been created or modified.`);
  if (created.length === 0) return;
  talk.line(`New object definitions '${created.map(({ name }) => name).join(',')}' have been created.`);
  const capital = created.filter(({ type, name }) => type === 'node' && /[A-Z]/.test(name));
  if (capital.length > 0) talk.warning(capitalName(capital.map(({ name }) => name).join(',')));
}

function hasValidName({ type, name }: Wanted, view: View): boolean {
  return objectExists(view, type, name) || ((type !== 'node' || !name.includes('.')) && isValidName(name, type));
}

function complainAboutNames(wanted: readonly Wanted[], view: View, talk: Talk): void {
  const bad = wanted.filter((object) => !hasValidName(object, view));
  const dotted = bad.filter(({ type, name }) => type === 'node' && name.includes('.')).map(({ name }) => name);
  const invalid = bad.map(({ name }) => name).filter((name) => !dotted.includes(name));
  if (dotted.length > 0) talk.error(dottedName(dotted.join(',')));
  if (invalid.length > 0) talk.error(invalidName(invalid.join(',')));
}

function changeOne(
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
  const problem = problemOf(request, object, exists, view);
  if (problem !== undefined) {
    talk.error(problem);
    return refused;
  }
  let written = false;
  if (type === 'group') {
    const outcome = changeGroup(request, object, exists, view, set, talk);
    if (outcome === 'refused') return refused;
    written = outcome === 'members';
  }
  if (type === 'osimage') {
    if (options.fill && !fillChanged(view, object, talk, lists)) return { ...refused, failed: false };
    if (!exists && !attributes.has('imagetype')) attributes.set('imagetype', 'NIM');
  }
  const around = surroundings(view, type, name, Object.fromEntries(attributes), coming);
  if (!conditionsHold(type, Object.fromEntries(attributes), around, talk)) return refused;
  const values = options.plus || options.minus ? combined(request, object, view, talk) : attributes;
  dropDefaultScripts(view, type, name, values, talk);
  const stored = write(view, set, { type, name }, Object.fromEntries(values), withNew(around, values));
  written ||= stored;
  return { written, failed: false, created: !exists && written && type !== 'site' };
}

function problemOf({ options }: Request, object: Wanted, exists: boolean, view: View): string | undefined {
  const { type, name, attributes } = object;
  const nfs = type === 'osimage' && !options.minus ? nfsOptionsProblem(attributes.get('nfsrootopts')) : undefined;
  if (nfs !== undefined) return nfs;
  if (type === 'network') {
    const network = exists ? changedNetworkProblem(view, object) : newNetworkProblem(view, object);
    if (network !== undefined) return network;
  }
  if (type === 'node' && !exists && (attributes.get('groups') ?? '') === '') {
    return `Attribute 'groups' is not specified for node '${name}', skipping to the next node.`;
  }
  if (!exists && options.minus) return `The '-m' option is not valid since the '${name}' definition does not exist.`;
  return undefined;
}

/** `-u` on an osimage that is there starts from what it is. */
function fillChanged(view: View, { name, attributes }: Wanted, talk: Talk, lists: Lists): boolean {
  for (const attr of ['imagetype', 'provmethod', 'profile', 'osname', 'osvers', 'osarch']) {
    const now = attribute(view, 'osimage', name, attr)?.value;
    if (now !== undefined && !attributes.has(attr)) attributes.set(attr, now);
  }
  return fillOsimage(view, attributes, talk, lists);
}

/** The values that `-p` and `-m` come to. Attributes whose items cannot be taken away are left out, with the reason. */
function combined({ options, askedType }: Request, object: Wanted, view: View, talk: Talk): Map<string, string> {
  const { type, name, attributes } = object;
  const values = new Map<string, string>();
  const dynamic = type === 'group' && attribute(view, 'group', name, 'grouptype')?.value === 'dynamic';
  const plain = type === 'site' || type === 'monitoring';
  const known = plain ? ownAttributesOf(view, type, name) : undefined;
  for (const [attr, given] of attributes) {
    const now = known === undefined ? attribute(view, type, name, attr)?.value : known.get(attr)?.value;
    if (type === 'group' && attr === 'members') {
      values.set(attr, given);
    } else if (options.plus) {
      values.set(attr, addItems(now, given, { delimiter: dynamic ? '::' : ',', repeats: plain }));
    } else {
      const left = removeItems(now, given, { delimiter: dynamic ? '::' : ',', tolerant: plain });
      if (left.unknown.length === 0 && left.value !== undefined) values.set(attr, left.value);
      for (const item of left.unknown) {
        const member = askedType === 'group' && !dynamic;
        talk.error(
          member
            ? `${name} is not a member of '${item}'.`
            : `${item} is not in the attribute of '${attr}' for the '${name}' definition.`,
        );
      }
      if (left.value === undefined) talk.error(`No value got for attribute '${attr}' for the '${name}' definition.`);
    }
  }
  return values;
}

/** Conditions on what the command itself sets were checked before: they hold for where the values go, too. */
function withNew(around: Surroundings, values: ReadonlyMap<string, string>): Surroundings {
  return { known: (attr) => around.known(attr) ?? values.get(attr), groups: (attr) => around.groups(attr) };
}

function describe(wanted: readonly Wanted[], view: View, talk: Talk): void {
  for (const type of new Set(wanted.map((object) => object.type))) {
    talk.line('\ndefch: list objects that are defined for each type');
    talk.line((type === 'group' ? groupNames(view) : objectNames(view, type)).join(' '));
  }
}
