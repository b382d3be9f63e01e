import { readFileSync } from 'node:fs';

/**
 * The text of a file that lies beside the source: `textFile(import.meta.url, './init.sh')`.
 * Run from source (tsx, vitest) it is read; deploy/build.ts puts the text itself in place of the call, so that a
 * bundle needs no file beside it. Both arguments must therefore stand there literally as in the example.
 */
export function textFile(base: string, path: string): string {
  return readFileSync(new URL(path, base), 'utf8');
}
