import {
  type AttributeChanges,
  columnsFor,
  conditionFailures,
  type Surroundings,
} from '../../../shared/objects/change.ts';
import { defaultScripts, holderOf, withoutDefaults } from '../../../shared/objects/index.ts';
import { clustersite, objectTypes } from '../../../shared/schema/index.ts';
import type { View } from '../../../shared/verb/view.ts';
import type { ChangeSet } from './change-set.ts';
import { defaultsRow } from '../../../shared/objects/scripts.ts';
import type { Talk } from './talk.ts';

/** Why the object cannot have these attributes, said; true: it can. */
export function conditionsHold(type: string, wanted: AttributeChanges, around: Surroundings, talk: Talk): boolean {
  const described = objectTypes.get(type);
  if (described === undefined) return false;
  const failures = conditionFailures(described, wanted, around);
  for (const failure of failures) talk.error(failure);
  return failures.length === 0;
}

/** Puts the attributes where they belong. False when there was nothing to write. */
export function write(
  view: View,
  set: ChangeSet,
  target: { readonly type: string; readonly name: string },
  wanted: AttributeChanges,
  around: Surroundings,
): boolean {
  const described = objectTypes.get(target.type);
  if (described === undefined) return false;
  const values = columnsFor(described, wanted, around);
  if (Object.keys(values).length === 0) return false;
  const type = target.type === 'pdu' ? holderOf(view, target.name) : target.type;
  // Whatever it is called in a stanza file, there is one site.
  const name = type === 'site' ? clustersite : target.name;
  set.set(type, name, values);
  return true;
}

/** Leaves out scripts that run on every node anyway, with xCAT's warning for each. */
export function dropDefaultScripts(
  view: View,
  type: string,
  name: string,
  wanted: Map<string, string>,
  talk: Talk,
): void {
  if ((type !== 'node' && type !== 'group') || name === defaultsRow) return;
  const defaults = defaultScripts(view);
  for (const attr of ['postscripts', 'postbootscripts'] as const) {
    const value = wanted.get(attr);
    if (value === undefined) continue;
    const { kept, repeated } = withoutDefaults(value, defaults[attr]);
    for (const script of repeated) {
      talk.warning(`${name}: ${attr} '${script}' is already included in the 'xcatdefaults'.`);
    }
    wanted.set(attr, kept);
  }
}
