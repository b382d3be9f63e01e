import {
  byName,
  commaList,
  isDynamicGroup,
  objectExists,
  objectNames,
  staticMembers,
} from '../../shared/objects/index.ts';
import { clustersite, objectTypes, rowKeys, tables } from '../../shared/schema/index.ts';
import { end, type Verb } from '../../shared/verb/verb.ts';
import type { View } from '../../shared/verb/view.ts';
import { ChangeSet } from './definitions/change-set.ts';
import { commit, endWith } from './definitions/finish.ts';
import { isBare } from './definitions/options.ts';
import { readRequest, type Request } from './definitions/request.ts';
import { Talk } from './definitions/talk.ts';
import { type Forgetting, forgetting, forgotten } from './services/forget-nodes.ts';

interface Target {
  readonly type: string;
  readonly name: string;
}

/** Removes definitions with everything that is kept with them. Facts on objects, section 14. */
export const rmdef: Verb<Forgetting | null> = {
  name: 'rmdef',
  version: 1,
  changes: true,
  start(asked, known) {
    if (isBare(asked)) return end({ do: 'done', exit: 0 });
    const talk = new Talk(asked);
    const request = readRequest('rmdef', known, talk);
    const removed = request === null ? [] : removeAll(request, known, talk);
    const step = endWith(talk);
    if (request?.options.cleanup !== true) return step;
    const nodes = removed.filter(({ type }) => type === 'node').map(({ name }) => name);
    return forgetting(asked, known, nodes, { hosts: false }, step);
  },
  on: forgotten,
};

/** What was removed. */
function removeAll(request: Request, view: View, talk: Talk): readonly Target[] {
  const { options } = request;
  if (options.all && !options.force) {
    talk.error("You must use the '-f' option when using the '-a' option.");
    return [];
  }
  const removed: Target[] = [];
  for (const target of targets(request, view)) {
    if (objectExists(view, target.type, target.name)) removed.push(target);
    else talk.error(`Could not find an object named '${target.name}' of type '${target.type}'.`);
  }
  const set = new ChangeSet(view);
  for (const target of removed) remove(target, view, set);
  if (!commit(view, talk, set, options.strict)) return [];
  talk.data({ removed: removed.map(({ type, name }) => ({ type, name })) });
  if (removed.length === 0) {
    talk.line('No objects have been removed from the xCAT database.');
    return [];
  }
  if (options.verbose) {
    talk.line('The following objects were removed:');
    for (const { name } of removed) talk.line(name);
  } else {
    talk.line(`${removed.length} object definitions have been removed.`);
  }
  for (const target of removed) warnOfChildren(target, view, talk);
  return removed;
}

function targets({ options, types, names }: Request, view: View): Target[] {
  if (!options.all) {
    const [type = 'node'] = types;
    return [...new Set(names)].sort(byName).map((name) => ({ type, name }));
  }
  return [...objectTypes.keys()]
    .filter((type) => type !== 'auditlog' && type !== 'eventlog' && type !== 'pdu')
    .flatMap((type) => objectNames(view, type).map((name) => ({ type, name })));
}

function remove({ type, name }: Target, view: View, set: ChangeSet): void {
  if (type === 'group' && !isDynamicGroup(view, name)) {
    for (const node of staticMembers(view, name)) if (view.has('node', node)) set.removeFromGroup(node, name);
  }
  if (type === 'pdu') {
    removeTable('node', name, 'pdu', view, set);
    removeTable('group', name, 'pdu', view, set);
    return;
  }
  if (view.has(type, name)) set.remove(type, type === 'site' ? clustersite : name);
  if (type === 'node') removeBeside(name, view, set);
}

/** Rows of the node that are kept elsewhere: with a group of its name, or as objects of a table that has several. */
function removeBeside(node: string, view: View, set: ChangeSet): void {
  const shared = Object.keys(view.row('group', node) ?? {}).filter((column) => !column.startsWith('nodegroup.'));
  if (shared.length > 0) set.set('group', node, Object.fromEntries(shared.map((column) => [column, null])));
  for (const table of tables.values()) {
    if (table.holder !== table.name || table.named[0] !== 'node' || view.count(table.name) === 0) continue;
    if (objectTypes.has(table.name)) continue;
    for (const [name] of view.rows(table.name)) {
      if (rowKeys(name, table.named.length)[0] === node) set.remove(table.name, name);
    }
  }
}

function removeTable(type: string, name: string, table: string, view: View, set: ChangeSet): void {
  const columns = Object.keys(view.row(type, name) ?? {}).filter((column) => column.startsWith(`${table}.`));
  if (columns.length > 0) set.set(type, name, Object.fromEntries(columns.map((column) => [column, null])));
}

/** Service processors stay behind when their frame or CEC goes. */
function warnOfChildren({ type, name }: Target, view: View, talk: Talk): void {
  if (type !== 'node') return;
  const row = view.row('node', name);
  const kind = row?.['ppc.nodetype'] ?? '';
  if (!commaList(row?.['nodetype.nodetype'] ?? '').includes('ppc') || (kind !== 'cec' && kind !== 'frame')) return;
  const children: string[] = [];
  for (const [child, { 'ppc.parent': parent, 'ppc.nodetype': own }] of view.rows('node')) {
    if (parent === name && (own === 'fsp' || own === 'bpa')) children.push(child);
  }
  if (children.length === 0) return;
  talk.warning(
    `You have removed a ${kind} node, please remove these nodes belongs to it manually: ${children.sort(byName).join(',')} .`,
  );
}
