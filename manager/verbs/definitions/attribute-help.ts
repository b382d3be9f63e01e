import { objectTypes } from '../../../shared/schema/index.ts';
import type { Talk } from './talk.ts';

/** `-t TYPE -h [-i ATTRIBUTES]`: what the attributes of a type mean. */
export function writeAttributeHelp(types: readonly string[], only: string | undefined, talk: Talk): void {
  const wanted = only?.split(',').map((name) => name.replace(/^(nic\w+)\..*$/, '$1'));
  for (const name of types) {
    const type = objectTypes.get(name);
    if (type === undefined) continue;
    if (name === 'site') {
      if (wanted !== undefined) talk.warning('Attributes of the site cannot be described one by one; all are shown.');
      talk.line('The site is one object with as many attributes as are set; any name is accepted.');
      continue;
    }
    const meanings = new Map<string, string>();
    for (const attribute of type.attributes) {
      if (meanings.has(attribute.name) || wanted?.includes(attribute.name) === false) continue;
      meanings.set(attribute.name, attribute.meaning);
    }
    talk.line(wanted === undefined ? `The valid attribute names for object type '${name}' are:` : '');
    talk.line('Attribute          Description\n');
    const lines = [...meanings].map(
      ([attribute, meaning]) => `${attribute}:${attribute.length < 7 ? '\t\t' : '\t'}${meaning}`,
    );
    talk.line(lines.sort().join('\n\n'));
    for (const [attribute, meaning] of meanings) talk.data({ type: name, attribute, meaning });
  }
}
