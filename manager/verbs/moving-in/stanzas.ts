import { nicAttribute } from '../../../shared/objects/index.ts';
import { objectTypes } from '../../../shared/schema/index.ts';
import { parseStanzas, type Stanza, stanzaHeader, writeStanza } from '../../../shared/stanza/index.ts';
import type { Change } from '../../../shared/verb/effect.ts';
import type { View } from '../../../shared/verb/view.ts';
import { keepColumns, keepRow } from './kept.ts';

/** A stanza file taken apart: what mkdef understands, and what is kept as it is. */
export interface ReadStanzas {
  readonly objects: number;
  /** The understood part, for mkdef; empty: there is none. */
  readonly text: string;
  readonly kept: readonly Change[];
  /** `TYPE.ATTRIBUTE` and `TYPE` of what is kept, each once. */
  readonly unknown: readonly string[];
}

/** The kept table that holds attributes and objects of stanza files; dumpxCATdb writes it as stanza.csv. */
const keptTable = 'stanza';
const columns = ['type', 'name', 'attribute', 'value'];

/** Throws `invalid_argument` with the line when a line is too long. */
export function readStanzas(known: View, text: string): ReadStanzas {
  const { stanzas } = parseStanzas(text);
  const unknown = new Set<string>();
  const kept: Change[] = [];
  let understood = '';
  for (const stanza of stanzas) {
    const { name, objtype = '' } = stanza;
    const mine = new Map<string, string>();
    const isKnown = objectTypes.has(objtype) || objtype === '';
    if (!isKnown) unknown.add(objtype);
    for (const [attribute, value] of stanza.attributes) {
      if (objtype === '' || isAttribute(objtype, attribute)) {
        mine.set(attribute, value);
        continue;
      }
      if (isKnown) unknown.add(`${objtype}.${attribute}`);
      kept.push(keepRow(keptTable, [objtype, name, attribute].join('/'), { type: objtype, name, attribute, value }));
    }
    if (isKnown) understood += stanzaText({ name, objtype: stanza.objtype, attributes: mine });
  }
  if (kept.length > 0) kept.unshift(keepColumns(known, keptTable, columns));
  const body = understood === '' ? '' : stanzaHeader + understood;
  return { objects: stanzas.length, text: body, kept, unknown: [...unknown].sort() };
}

/** A stanza as text. One without a type stays so: mkdef says what is wrong with it. */
export function stanzaText({ name, objtype, attributes }: Omit<Stanza, 'line'>): string {
  if (objtype !== undefined) return writeStanza(name, objtype, attributes);
  return `\n${name}:\n${[...attributes].map(([key, value]) => `    ${key}=${value}\n`).join('')}`;
}

/** What mkdef takes: also settings of the site and of monitors, which have any name, and the old `model`. */
function isAttribute(objtype: string, name: string): boolean {
  const type = objectTypes.get(objtype);
  if (type === undefined) return false;
  if (objtype === 'site' || objtype === 'monitoring') return true;
  if (name === type.key || (objtype === 'node' && name === 'model')) return true;
  return type.byName.has(nicAttribute(name)?.attribute ?? name) || (objtype === 'group' && name === 'members');
}
