import { commaList, groupsOf } from '../../../shared/objects/index.ts';
import type { Change } from '../../../shared/verb/effect.ts';
import type { View } from '../../../shared/verb/view.ts';

interface Pending {
  readonly type: string;
  readonly name: string;
  values: Record<string, string | null>;
  remove: boolean;
}

/** What one command is going to change, at most one change an object, all of it one commit. */
export class ChangeSet {
  private readonly view: View;
  private readonly pending = new Map<string, Pending>();
  /** Groups of nodes as they will be, as far as this command has changed them. */
  private readonly memberships = new Map<string, readonly string[]>();

  constructor(view: View) {
    this.view = view;
  }

  set(type: string, name: string, values: Readonly<Record<string, string | null>>): void {
    const change = this.change(type, name);
    change.values = { ...change.values, ...values };
    change.remove = false;
    if (type === 'node') this.memberships.delete(name);
  }

  /** Everything that the object holds now goes, before what `set` gives it. */
  replace(type: string, name: string): void {
    const gone = Object.keys(this.view.row(type, name) ?? {}).map((column) => [column, null] as const);
    this.set(type, name, Object.fromEntries(gone));
  }

  remove(type: string, name: string): void {
    const change = this.change(type, name);
    change.remove = true;
    change.values = {};
    if (type === 'node') this.memberships.delete(name);
  }

  addToGroup(node: string, group: string): void {
    const groups = this.groups(node);
    if (!groups.includes(group)) this.memberships.set(node, [...groups, group]);
  }

  /** False when the node is not a member. */
  removeFromGroup(node: string, group: string): boolean {
    const groups = this.groups(node);
    if (!groups.includes(group)) return false;
    this.memberships.set(
      node,
      groups.filter((each) => each !== group),
    );
    return true;
  }

  private groups(node: string): readonly string[] {
    const known = this.memberships.get(node);
    if (known !== undefined) return known;
    const stored = this.view.row('node', node)?.['nodelist.groups'] ?? '';
    return stored.startsWith('|') ? groupsOf(this.view, node) : commaList(stored);
  }

  private change(type: string, name: string): Pending {
    const key = `${type} ${name}`;
    const known = this.pending.get(key);
    if (known !== undefined) return known;
    const made: Pending = { type, name, values: {}, remove: false };
    this.pending.set(key, made);
    return made;
  }

  changes(): Change[] {
    for (const [node, groups] of this.memberships) {
      const change = this.change('node', node);
      // Groups that the command gives the node itself count more than those it gets by being made a member.
      if (!change.remove && change.values['nodelist.groups'] === undefined) {
        change.values = { ...change.values, 'nodelist.groups': groups.join(',') };
      }
    }
    const list: Change[] = [];
    for (const { type, name, values, remove } of this.pending.values()) {
      if (remove) list.push({ type, name, remove: true });
      // Neither doubled nor brought back to life, whatever others do in the meantime.
      else list.push({ type, name, values, fresh: !this.view.has(type, name) });
    }
    return list;
  }
}
