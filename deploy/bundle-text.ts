import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Plugin } from 'esbuild';

const call = /\btextFile\(\s*import\.meta\.url,\s*'([^']+)'\s*,?\s*\)/g;

/** Puts the text of a file in place of every `textFile(import.meta.url, './name')`; see shared/text/text-file.ts. */
export const bundleText: Plugin = {
  name: 'bundle-text',
  setup(build) {
    build.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      // The function's own file only describes the call.
      if (!source.includes('textFile(') || path.endsWith('/text-file.ts')) return undefined;
      const watched: string[] = [];
      let contents = '';
      let end = 0;
      for (const found of source.matchAll(call)) {
        const file = resolve(dirname(path), found[1] ?? '');
        watched.push(file);
        contents += source.slice(end, found.index) + JSON.stringify(plain(file, await readFile(file, 'utf8')));
        end = found.index + found[0].length;
      }
      return { contents: contents + source.slice(end), loader: 'ts', watchFiles: watched };
    });
  },
};

/** Scripts of programs go without the lines that are comments: they are for who reads the source. */
function plain(file: string, text: string): string {
  return file.endsWith('.sh') ? text.replace(/^[ \t]*#(?!!).*\n/gm, '') : text;
}
