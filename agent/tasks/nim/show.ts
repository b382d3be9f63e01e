import type { NimShowSpec } from '../../../shared/task/nim.ts';
import type { NimMaster } from './master.ts';
import type { NimObject } from './objects.ts';

/** A listing shaped like lsnim's, for people without a login on the master. */
export async function show(master: NimMaster, spec: NimShowSpec): Promise<{ text: string; missing: string[] }> {
  const all = spec.names.length === 0 ? await master.showAll() : [...(await master.showMany(spec.names)).values()];
  const chosen = all.filter(
    (object) => spec.filter === '' || object.class === spec.filter || object.type === spec.filter,
  );
  const missing = spec.names.filter((name) => !all.some((object) => object.name === name));
  return { text: spec.long ? chosen.map(stanza).join('') : columns(chosen), missing };
}

function stanza(object: NimObject): string {
  const lines = [...object.attributes].flatMap(([key, values]) => values.map((value) => [key, value] as const));
  const width = Math.max(0, ...lines.map(([key]) => key.length)) + 1;
  return `${object.name}:\n${lines.map(([key, value]) => `   ${key.padEnd(width)}= ${value}\n`).join('')}`;
}

function columns(objects: readonly NimObject[]): string {
  const first = Math.max(0, ...objects.map(({ name }) => name.length)) + 5;
  const second = Math.max(0, ...objects.map((object) => object.class.length)) + 7;
  return objects.map((object) => `${object.name.padEnd(first)}${object.class.padEnd(second)}${object.type}\n`).join('');
}
