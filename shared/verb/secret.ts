import type { Json } from './effect.ts';
import { valueIn, type View } from './view.ts';

const mark = '$secret';

/**
 * Stands in a task's spec where a secret is to be. What is stored with the job is this reference; the value is read when
 * the task is handed to its agent, and goes there over mutual TLS.
 */
export function secretOf(type: string, name: string, column: string): Json {
  return { [mark]: [type, name, column] };
}

/** The spec as its agent gets it; a secret that is not there any more is the empty string. */
export function withSecrets(spec: Json, known: View): Json {
  if (typeof spec !== 'object' || spec === null) return spec;
  if (Array.isArray(spec)) return spec.map((value: Json) => withSecrets(value, known));
  const entries = Object.entries(spec);
  const [first] = entries;
  if (entries.length === 1 && first?.[0] === mark && Array.isArray(first[1])) {
    const [type = '', name = '', column = ''] = first[1].map(String);
    return valueIn(known.row(type, name), column) ?? '';
  }
  return Object.fromEntries(entries.map(([key, value]) => [key, withSecrets(value, known)]));
}
