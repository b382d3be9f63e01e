import { byName, meets, objectExists, objectNames } from '../../shared/objects/index.ts';
import { clustersite, objectTypes } from '../../shared/schema/index.ts';
import { stanzaHeader } from '../../shared/stanza/index.ts';
import type { Asked } from '../../shared/verb/asked.ts';
import type { Effect } from '../../shared/verb/effect.ts';
import type { Verb } from '../../shared/verb/verb.ts';
import type { View } from '../../shared/verb/view.ts';
import type { Lists } from './definitions/lists.ts';
import { type ListsState, onLists, withLists } from './definitions/look-for-lists.ts';
import { isHidden, type Shown, showObject } from './definitions/show.ts';
import { nicAttributes } from './definitions/options.ts';
import { readRequest, type Request } from './definitions/request.ts';
import { Talk } from './definitions/talk.ts';
import { type Template, templates } from './definitions/templates.ts';
import { selectableValue } from './definitions/selectable.ts';

interface Section {
  readonly type: string;
  readonly names: readonly string[];
}

/** Lists definitions. Facts on objects, section 11. */
export const lsdef: Verb<ListsState | null> = {
  name: 'lsdef',
  version: 1,
  changes: false,
  start: (asked, known) => withLists(asked, known, run),
  on: (state, report, known) => onLists(state, report, known, run),
};

function run(asked: Asked, known: View, lists: Lists): readonly Effect[] {
  const talk = new Talk(asked);
  const request = readRequest('lsdef', known, talk);
  if (request !== null) {
    if (request.options.template === undefined) list(request, known, talk, lists);
    else listTemplates(request, request.options.template, known, talk, lists);
  }
  return talk.done();
}

/** What is shown of each object, decided once for the command. */
function manner(request: Request, types: number): Shown {
  const { options } = request;
  const only = options.nics ? nicAttributes : options.attributes;
  const detailed =
    options.long || request.operandNames || options.objects !== undefined || only !== undefined || options.stanza;
  const wanted = only?.split(',') ?? [];
  const nics = new Map<string, string[]>();
  const attributes = wanted.map((name) => {
    const parts = /^(nic\w+)\.(.*)$/.exec(name);
    if (parts?.[1] === undefined || parts[2] === undefined) return name;
    nics.set(parts[1], [...(nics.get(parts[1]) ?? []), parts[2]]);
    return parts[1];
  });
  return {
    long: (detailed || (options.template ?? '') !== '') && !options.short,
    form: options.stanza ? 'stanza' : options.compress ? 'compressed' : 'text',
    withType: types > 1,
    all: options.all,
    verbose: options.verbose,
    osimage: options.osimage,
    attributes: only === undefined ? undefined : [...new Set(attributes)],
    nics,
  };
}

function list(request: Request, view: View, talk: Talk, lists: Lists): void {
  const sections = sectionsOf(request, view);
  const shown = manner(request, request.options.all ? objectTypes.size : request.types.length);
  if (sections.every(({ names }) => names.length === 0)) {
    talk.line('Could not find any object definitions to display.');
    return;
  }
  if (shown.long && hasNothingToShow(sections, view)) {
    talk.error('Could not get xCAT object definitions.');
    return;
  }
  if (shown.form === 'stanza') talk.block(stanzaHeader);
  let looked = 0;
  let written = shown.form === 'stanza' ? 1 : 0;
  for (const section of sections) {
    const valid = validAttributes(section.type, shown, talk);
    const counts = listSection(request, section, { ...shown, attributes: valid }, view, talk, lists);
    looked += counts.looked;
    written += counts.written;
  }
  if (written === 0 && looked > 0) talk.line('No object definitions have been found');
}

function sectionsOf({ options, types, names, named }: Request, view: View): Section[] {
  if (options.all) {
    return [...objectTypes.keys()]
      .filter((type) => type !== 'auditlog' && type !== 'eventlog' && type !== 'pdu')
      .map((type) => ({ type, names: objectNames(view, type) }));
  }
  if (!named) return types.map((type) => ({ type, names: objectNames(view, type) }));
  // Names that are typed are names of the first type.
  return types.map((type, index) => ({ type, names: index === 0 ? [...new Set(names)].sort(byName) : [] }));
}

/** A monitoring plug-in shows nothing but its settings: without any there is nothing to get. */
function hasNothingToShow([section, ...others]: readonly Section[], view: View): boolean {
  if (section?.type !== 'monitoring' || others.length > 0) return false;
  return section.names.every(
    (name) => !Object.keys(view.row('monitoring', name) ?? {}).some((key) => key.startsWith('monsetting.')),
  );
}

/** The attributes of `-i` that the type has; complains about the others. */
function validAttributes(type: string, shown: Shown, talk: Talk): readonly string[] | undefined {
  if (shown.attributes === undefined || !shown.long || type === 'site' || type === 'monitoring')
    return shown.attributes;
  return shown.attributes.filter((attribute) => {
    if (objectTypes.get(type)?.byName.has(attribute) === true) return true;
    talk.error(`'${attribute}' is not a valid attribute name for an object type of '${type}'.`);
    return false;
  });
}

function listSection(
  request: Request,
  { type, names }: Section,
  shown: Shown,
  view: View,
  talk: Talk,
  lists: Lists,
): { looked: number; written: number } {
  const { options, named, conditions } = request;
  let looked = 0;
  let written = 0;
  for (const name of names) {
    if (type === 'node' && !options.hidden && isHidden(view, name)) continue;
    looked += 1;
    if (
      conditions.size > 0 &&
      !meets(conditions, (attribute) => selectableValue(view, type, name, attribute, !options.stanza))
    ) {
      continue;
    }
    if (named && !objectExists(view, type, name)) {
      if (type !== 'site' || name !== clustersite) {
        talk.error(`Could not find an object named '${name}' of type '${type}'.`);
      }
      continue;
    }
    showObject({ type, name, view, shown, talk, lists });
    written += 1;
  }
  return { looked, written };
}

/** `--template [NAMES]`: definitions to start from, shown as if they were objects. */
function listTemplates(request: Request, names: string, view: View, talk: Talk, lists: Lists): void {
  const chosen = new Map<string, Template>();
  for (const [name, template] of templates) {
    if (names === '' && (request.options.all || request.types.includes(template.type))) chosen.set(name, template);
  }
  for (const name of names === '' ? [] : names.split(',')) {
    const template = templates.get(name);
    if (template === undefined) {
      talk.error(`Could not find ${name} in xCAT templates.`);
      return;
    }
    chosen.set(name, template);
  }
  if (chosen.size === 0) {
    talk.line('Could not find any objects to display.');
    return;
  }
  const shown = manner(request, 1);
  if (shown.form === 'stanza') talk.block(stanzaHeader);
  const types = new Set([...chosen.values()].map(({ type }) => type));
  for (const type of types) {
    const valid = { ...shown, attributes: validAttributes(type, shown, talk) };
    for (const [name, template] of [...chosen].sort(([a], [b]) => byName(a, b))) {
      if (template.type !== type) continue;
      showObject({
        type,
        name,
        view,
        shown: valid,
        talk,
        lists,
        template: new Map(Object.entries(template.attributes)),
      });
    }
  }
}
