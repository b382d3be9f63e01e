import { HostlerError } from '../errors/error.ts';
import { clustersite, type ObjectType, objectTypes } from '../schema/index.ts';
import type { Change } from '../verb/effect.ts';
import type { View } from '../verb/view.ts';
import { attribute } from './attributes.ts';
import { holderOf, objectExists } from './existence.ts';
import { commaList, listContains } from './words.ts';

/** Attribute to new value. The empty string clears the value and keeps the row of its table; null forgets both. */
export type AttributeChanges = Readonly<Record<string, string | null>>;

/** What conditions are checked against beside the changes themselves. */
export interface Surroundings {
  /** The object's value as it is now. */
  known(attribute: string): string | undefined;
  /** Values of that attribute that the groups named in the changes have. */
  groups(attribute: string): readonly string[];
}

/**
 * The change that gives an object these attributes: each goes wherever its conditions hold.
 * @throws HostlerError invalid_argument for an unknown type or attribute, failed_precondition where conditions do not hold.
 */
export function changeFor(view: View, type: string, name: string, wanted: AttributeChanges): Change {
  const around = surroundings(view, type, name, wanted);
  const described = objectTypes.get(type);
  if (described === undefined) throw new HostlerError('invalid_argument', `There is no object type '${type}'.`);
  for (const attr of Object.keys(wanted)) {
    if (type === 'site' || type === 'monitoring' || described.byName.has(attr)) continue;
    throw new HostlerError(
      'invalid_argument',
      `'${attr}' is not a valid attribute name for an object type of '${type}'.`,
    );
  }
  const [failure] = conditionFailures(described, wanted, around);
  if (failure !== undefined) throw new HostlerError('failed_precondition', failure);
  const fresh = !objectExists(view, type, name);
  const values = columnsFor(described, wanted, around);
  const holder = type === 'pdu' ? holderOf(view, name) : type;
  return {
    type: holder,
    name: type === 'site' ? clustersite : name,
    values,
    ...(fresh && type === 'node' ? { fresh } : {}),
  };
}

/**
 * Looks things up only when a condition asks for them. `coming`: what the same command gives to groups.
 */
export function surroundings(
  view: View,
  type: string,
  name: string,
  wanted: AttributeChanges,
  coming?: (group: string, attribute: string) => string | undefined,
): Surroundings {
  const groups = type === 'node' ? commaList(wanted['groups'] ?? '') : [];
  return {
    known: (attr) => attribute(view, type, name, attr)?.value,
    groups: (attr) =>
      groups.flatMap((group) => {
        const value = coming?.(group, attr) ?? attribute(view, 'group', group, attr)?.value;
        return value === undefined ? [] : [value];
      }),
  };
}

/** Why attributes cannot be set, in xCAT's words, one text an attribute, in schema order. */
export function conditionFailures(type: ObjectType, wanted: AttributeChanges, around: Surroundings): string[] {
  const failing = new Map<string, string>();
  const needed = new Map<string, Set<string>>();
  for (const attr of Object.keys(wanted)) {
    const entries = wanted[attr] === null ? undefined : type.byName.get(attr);
    if (entries === undefined || entries.some(({ when }) => when === undefined || holds(when, wanted, around)))
      continue;
    for (const { when } of entries) {
      if (when === undefined) continue;
      failing.set(attr, when.attribute);
      needed.set(when.attribute, (needed.get(when.attribute) ?? new Set()).add(when.value));
    }
  }
  if (failing.size === 0) return [];
  const position = (attr: string): number => type.attributes.findIndex(({ name }) => name === attr);
  const inOrder = [...failing].sort(([a], [b]) => position(a) - position(b));
  return inOrder.map(([attr, condition]) => {
    const values = [...(needed.get(condition) ?? [])].sort().join(' or ');
    return `Cannot set the attr='${attr}' attribute unless ${condition} value is ${values}.`;
  });
}

function holds(
  when: { readonly attribute: string; readonly value: string },
  wanted: AttributeChanges,
  around: Surroundings,
): boolean {
  return (
    listContains(wanted[when.attribute] ?? undefined, when.value) ||
    listContains(around.known(when.attribute), when.value) ||
    around.groups(when.attribute).some((value) => listContains(value, when.value))
  );
}

/** The attributes as `table.column` values. Attributes whose conditions do not hold, and the key, go nowhere. */
export function columnsFor(
  type: ObjectType,
  wanted: AttributeChanges,
  around: Surroundings,
): Record<string, string | null> {
  const values: Record<string, string | null> = {};
  for (const [attr, value] of Object.entries(wanted)) {
    if (type.name === 'site') {
      // A key without a value is no key.
      values[`site.${attr}`] = value === '' ? null : value;
      if (value === '' || value === null) {
        values[`sitecomments.${attr}`] = null;
        values[`sitedisable.${attr}`] = null;
      }
      continue;
    }
    const entries = type.byName.get(attr);
    if (entries === undefined && type.name === 'monitoring') {
      values[`monsetting.key.${attr}`] = attr;
      values[`monsetting.value.${attr}`] = value;
    }
    if (entries === undefined || attr === type.key) continue;
    for (const entry of entries) {
      if (entry.when !== undefined && value !== null && !holds(entry.when, wanted, around)) continue;
      values[entry.column] = value;
      const [table = '', , qualifier] = entry.column.split('.');
      if (qualifier !== undefined && table === 'ppcdirect') values[`ppcdirect.username.${qualifier}`] = qualifier;
    }
  }
  return values;
}

/** Takes away what `xcatdefaults` has already. `kept`: the list without it; `repeated`: what was in both. */
export function withoutDefaults(value: string, defaults: string): { kept: string; repeated: readonly string[] } {
  const known = new Set(commaList(defaults));
  const items = commaList(value);
  return {
    kept: items.filter((item) => !known.has(item)).join(','),
    repeated: items.filter((item) => known.has(item)),
  };
}
