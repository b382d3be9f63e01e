import { objectExists } from '../../../shared/objects/index.ts';
import { clustersite } from '../../../shared/schema/index.ts';
import { parseStanzas, stanzaHeader } from '../../../shared/stanza/index.ts';
import type { Asked } from '../../../shared/verb/asked.ts';
import type { Change } from '../../../shared/verb/effect.ts';
import type { View } from '../../../shared/verb/view.ts';
import { chdef } from '../chdef.ts';
import { mkdef } from '../mkdef.ts';
import { stanzaText } from './stanzas.ts';

/** What the stanzas come to: objects that are there are changed, others made, by the rules of chdef and mkdef. */
export function stanzaChanges(
  asked: Asked,
  known: View,
  text: string,
): { readonly changes: readonly Change[]; readonly said: readonly string[]; readonly refused: boolean } {
  const parts = { make: '', change: '' };
  for (const stanza of parseStanzas(text).stanzas) {
    const { objtype = '' } = stanza;
    const name = objtype === 'site' ? clustersite : stanza.name;
    parts[objectExists(known, objtype, name) ? 'change' : 'make'] += stanzaText({ ...stanza, name });
  }
  const changes: Change[] = [];
  const said: string[] = [];
  let refused = false;
  for (const [verb, body] of [
    [mkdef, parts.make],
    [chdef, parts.change],
  ] as const) {
    if (body === '') continue;
    const options = { stanza: [''] };
    const input = stanzaHeader + body;
    const { effects } = verb.start({ ...asked, verb: verb.name, operands: [], options, input, json: false }, known);
    for (const effect of effects) {
      if (effect.do === 'commit') for (const change of effect.changes) changes.push(change);
      if (effect.do === 'say' && effect.error === true) said.push(effect.text);
      if (effect.do === 'done' && effect.exit !== 0) refused = true;
    }
  }
  return { changes, said, refused };
}
