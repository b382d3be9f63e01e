import { TextDecoder } from 'node:util';
import type { MediumEntry } from './medium.ts';
import type { Section } from './pieces.ts';

const sector = 2048;

/**
 * A line of `-exec lsdl`: as `ls -l` writes it, the path in quotation marks, a link's target likewise after ` -> `.
 * Undefined: some other line. Path '' is the top.
 */
export function readListed(line: string): MediumEntry | undefined {
  const quote = line.indexOf("'");
  const [mode = '', , , , size = ''] = line.slice(0, quote).trim().split(/\s+/);
  if (quote < 0 || !/^[-dlcbps][-rwxsStT]{9}/.test(mode)) return undefined;
  const name = quoted(line, quote);
  if (name === undefined) return undefined;
  const target = line.startsWith(' -> ', name.end) ? quoted(line, name.end + 4) : undefined;
  const path = name.text?.replace(/^\/+/, '');
  const kinds: Readonly<Record<string, MediumEntry['kind']>> = { '-': 'file', d: 'folder', l: 'link' };
  const kind =
    path === undefined || (mode.startsWith('l') && target?.text === undefined) ? 'other' : kinds[mode[0] ?? ''];
  return {
    path: path ?? line.slice(quote + 2, name.end - 1),
    kind: kind ?? 'other',
    size: /^\d+$/.test(size) ? Number(size) : 0,
    executable: /^.(?:..x|.{5}x|.{8}x)/.test(mode),
    link: target?.text ?? '',
  };
}

/** A line of `-exec report_sections`: extent, first block, blocks, bytes, path. */
export function readSection(line: string): (Section & { readonly path: string }) | undefined {
  const match = /^File data lba: *\d+ , *(\d+) , *\d+ , *(\d+) , '/.exec(line);
  if (match === null) return undefined;
  const path = quoted(line, match[0].length - 1)?.text?.replace(/^\/+/, '');
  return path === undefined ? undefined : { path, at: Number(match[1]) * sector, bytes: Number(match[2]) };
}

const letters: Readonly<Record<string, number>> = { a: 7, b: 8, e: 27, f: 12, n: 10, r: 13, t: 9, v: 11, '\\': 92 };
const strict = new TextDecoder('utf-8', { fatal: true });

/** `'a b'"'"'c'` from `from` on; where it ends. The text is undefined where its bytes are no UTF-8. */
function quoted(line: string, from: number): { text: string | undefined; end: number } | undefined {
  const bytes: number[] = [];
  let at = from;
  while (line[at] === "'" || line[at] === '"') {
    const close = line.indexOf(line[at] ?? '', at + 1);
    if (close < 0) return undefined;
    const inside = line.slice(at + 1, close);
    for (const match of inside.matchAll(/\\([0-7]{3})|\\(.)|([^\\])/gs)) {
      const [, octal, letter, plain] = match;
      if (octal !== undefined) bytes.push(parseInt(octal, 8) & 0xff);
      else if (letter !== undefined) bytes.push(letters[letter] ?? letter.charCodeAt(0) & 0xff);
      else bytes.push((plain ?? '').charCodeAt(0) & 0xff);
    }
    at = close + 1;
  }
  let text: string | undefined;
  try {
    text = strict.decode(Uint8Array.from(bytes));
  } catch {
    text = undefined;
  }
  return { text, end: at };
}
