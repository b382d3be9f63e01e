import { HostlerError } from '../errors/error.ts';
import type { Range } from './ast.ts';
import { parseNoderange } from './parse.ts';

/** The paths of `^file` in a node range, for the client that has to open them. Nothing for a text that is refused. */
export function filesInNoderange(text: string): string[] {
  if (!text.includes('^')) return [];
  try {
    return [...new Set(collect(parseNoderange(text)))];
  } catch (error) {
    if (error instanceof HostlerError) return [];
    throw error;
  }
}

function collect(range: Range): string[] {
  return range.elements.flatMap(({ atom }) => {
    if (atom.kind === 'file') return [atom.path];
    return atom.kind === 'nested' ? collect(atom.range) : [];
  });
}
