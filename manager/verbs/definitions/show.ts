import {
  type AttributeValue,
  attribute,
  attributesOf,
  byName,
  columnValue,
  groupMembers,
  shownNics,
} from '../../../shared/objects/index.ts';
import { tables } from '../../../shared/schema/index.ts';
import type { View } from '../../../shared/verb/view.ts';
import type { Lists } from './lists.ts';
import { osimageOfNode } from './node-osimage.ts';
import { rowColumns, withDefaultScripts } from './selectable.ts';
import type { Talk } from './talk.ts';

/** How objects are shown. */
export interface Shown {
  readonly long: boolean;
  readonly form: 'text' | 'stanza' | 'compressed';
  /** The type stands behind the name of every object. */
  readonly withType: boolean;
  /** `-a`: one blank instead of two in front of the type in short lists. */
  readonly all: boolean;
  readonly verbose: boolean;
  readonly osimage: boolean;
  /** Only these, even when they have no value. */
  readonly attributes: readonly string[] | undefined;
  /** Of a nic attribute only these interfaces. */
  readonly nics: ReadonlyMap<string, readonly string[]>;
}

export interface ToShow {
  readonly type: string;
  readonly name: string;
  readonly view: View;
  readonly shown: Shown;
  readonly talk: Talk;
  readonly lists: Lists;
  /** Shown in place of what the registry holds. */
  readonly template?: ReadonlyMap<string, string>;
}

export function isHidden(view: View, node: string): boolean {
  return columnValue(view, node, 'nodelist.hidden')?.value === '1';
}

/** Of an osimage: the packed version that nodeset gives to nodes. */
const versionAttribute = 'imageversion';
const versionColumn = 'hostler.version';

/** Says one object in the form that was asked for. */
export function showObject(object: ToShow): void {
  const { type, name, shown, talk } = object;
  if (!shown.long) {
    talk.line(`${name} ${shown.all ? '' : ' '}(${type})`);
    talk.data({ type, name });
    return;
  }
  const values = valuesOf(object);
  const lines: string[] = [];
  if (shown.form === 'stanza') lines.push(`\n${name}:`, `    objtype=${type}`);
  else if (shown.withType) lines.push(`Object name: ${name}  (${type})`);
  else if (shown.form === 'text') lines.push(`Object name: ${name}`);
  const lead = shown.form === 'compressed' ? `${name}: ` : '    ';
  const data: Record<string, string> = {};
  for (const attr of namesToShow(object, values)) {
    const value = values.get(attr) ?? '';
    if (!attr.startsWith('nic')) {
      lines.push(
        `${lead}${attr}=${value}${value === '' && shown.attributes !== undefined ? '' : origin(object, attr)}`,
      );
      data[attr] = value;
      continue;
    }
    const only = shown.nics.get(attr);
    for (const nic of shownNics(value, type === 'group' ? undefined : name)) {
      if (only?.includes(nic.nic) === false) continue;
      lines.push(`${lead}${attr}.${nic.nic}=${nic.value}`);
      data[`${attr}.${nic.nic}`] = nic.value;
    }
  }
  const osimage = type === 'node' && shown.osimage ? osimageOfNode(object.view, name, talk, object.lists) : [];
  for (const [attr, value] of osimage) lines.push(`    ${attr}=${value}`);
  if (lines.length > 0) talk.line(lines.join('\n'));
  const state = object.template === undefined ? stateOf(object.view, type, name) : {};
  talk.data({
    ...{ type, name, attributes: data },
    ...(osimage.length > 0 && { osimage: Object.fromEntries(osimage) }),
    ...(Object.keys(state).length > 0 && { state }),
  });
}

/** What Hostler itself notes of an object, by column: reported by agents, or kept beside xCAT's attributes. JSON only. */
function stateOf(view: View, type: string, name: string): Record<string, string> {
  const own = Object.entries(view.row(type, name) ?? {}).filter(([column]) => column.startsWith('hostler.'));
  return { ...Object.fromEntries(own), ...view.reported(type, name) };
}

/** Attribute to value, as shown; unset ones are there (empty) only where xCAT shows them. */
function valuesOf({ type, name, view, shown, template }: ToShow): Map<string, string> {
  const values = new Map<string, string>();
  if (template !== undefined) {
    for (const [attr, value] of template) values.set(attr, value);
  } else if (shown.attributes !== undefined && type !== 'site' && type !== 'monitoring') {
    for (const attr of shown.attributes) {
      const value = attribute(view, type, name, attr)?.value;
      if (value !== undefined) values.set(attr, value);
    }
  } else {
    for (const [attr, { value }] of attributesOf(view, type, name)) values.set(attr, value);
  }
  if (type === 'group') values.set('members', groupMembers(view, name).join(','));
  // What Hostler keeps beside xCAT's attributes: for people, not for files that are read back.
  const version = type === 'osimage' && shown.form !== 'stanza' ? view.row(type, name)?.[versionColumn] : undefined;
  if (version !== undefined && template === undefined && (shown.attributes?.includes(versionAttribute) ?? true)) {
    values.set(versionAttribute, version);
  }
  if (type === 'node' && shown.form !== 'stanza') {
    for (const attr of ['postscripts', 'postbootscripts']) {
      const value = withDefaultScripts(view, attr, values.get(attr));
      if (value !== undefined) values.set(attr, value);
    }
  }
  // With -V even unset columns of an object's row are named, because what follows tells where they are kept.
  if (shown.verbose && type !== 'node' && template === undefined) {
    for (const { name: attr } of rowColumns(view, type, name)) if (!values.has(attr)) values.set(attr, '');
  }
  return values;
}

function namesToShow({ type, shown }: ToShow, values: ReadonlyMap<string, string>): string[] {
  if (shown.attributes === undefined) return [...values.keys()].sort(byName);
  const always = type !== 'site' && type !== 'monitoring';
  return shown.attributes.filter((attr) => always || values.has(attr)).sort(byName);
}

/** `-V`: where the value is kept. */
function origin({ type, name, view, shown, template }: ToShow, attr: string): string {
  if (!shown.verbose || template !== undefined || (type === 'group' && attr === 'members')) return '';
  if (type === 'osimage' && attr === versionAttribute) return '';
  if (type === 'site') return `\t(Table:site - Key:${attr})`;
  if (type === 'monitoring') return '\t(Table:monsetting)';
  const kept = attribute(view, type, name, attr);
  if (kept === undefined && type === 'node') return defaultOrigin(attr);
  const column = kept?.column ?? rowColumns(view, type, name).find((entry) => entry.name === attr)?.column ?? '';
  return placeOf(type, { column });
}

/** Scripts that only xcatdefaults gives: the blanks are xCAT's. */
function defaultOrigin(attr: string): string {
  const blanks = attr === 'postscripts' ? '     ' : '       ';
  return `${blanks}(Table:postscripts - Key:node - Column:${attr})`;
}

function placeOf(type: string, { column: stored }: Pick<AttributeValue, 'column'>): string {
  const [table = '', column = '', qualifier] = stored.split('.');
  const described = tables.get(table);
  const byNode = described?.holder === 'node' && qualifier === undefined && (type === 'node' || type === 'group');
  const keys = qualifier === undefined ? (described?.named ?? []) : (described?.keys ?? []);
  if (type === 'auditlog' || type === 'eventlog') return `\t(Table:${table} - Key:${column})`;
  return `\t(Table:${table} - Key:${byNode ? '' : ' '}${keys.join(' ')} - Column:${column})`;
}
