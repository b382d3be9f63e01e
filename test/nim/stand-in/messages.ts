/** A refusal as NIM words it: number, the program or method that says it, text; the command and its object wrap it. */
export class NimError extends Error {
  readonly id: string;
  readonly method: string;
  /** Already complete: lsnim does not wrap (facts, section 3). */
  readonly bare: boolean;
  readonly exit: number;

  constructor(id: string, method: string, text: string, options: { bare?: boolean; exit?: number } = {}) {
    super(text);
    this.id = id;
    this.method = method;
    this.bare = options.bare ?? false;
    this.exit = options.exit ?? 1;
  }
}

/** Numbers that no document gives; artificial on purpose. */
export const free = {
  notConfigured: '0042-901',
  badName: '0042-902',
  badAttribute: '0042-903',
  wrongState: '0042-904',
  busy: '0042-905',
  inUse: '0042-906',
  notAllowed: '0042-907',
  usage: '0042-908',
} as const;

/** 29: in another language the words differ and the numbers stay. */
export function translated(text: string): string {
  const locale = process.env['LC_ALL'] ?? process.env['LC_MESSAGES'] ?? process.env['LANG'] ?? 'C';
  if (locale === 'C' || locale === 'POSIX' || locale === '') return text;
  const swapped = (part: string): string =>
    part.replaceAll(/[a-z]{4,}/g, (word) => Array.from(word).reverse().join(''));
  // Names stand in quotation marks and are the same in every language.
  return text
    .split(/("[^"]*")/)
    .map((part) => (part.startsWith('"') ? part : swapped(part)))
    .join('');
}

/** Long texts wrap, with deeper indentation (facts, section 3). `taken` characters stand on the first line already. */
export function wrap(text: string, indent: number, taken: number, width = 62): string {
  const lines: string[] = [];
  let line = '';
  let used = taken;
  for (const word of text.split(' ')) {
    if (line !== '' && used + line.length + word.length + 1 > width) {
      lines.push(line);
      line = word;
      used = indent;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  lines.push(line);
  return lines.join(`\n${' '.repeat(indent)}`);
}

export function report(error: NimError, program: string, object: string): string {
  const text = translated(error.message);
  const bare = `${error.id} ${program}: `;
  if (error.bare) return `${bare}${wrap(text, 3, bare.length)}\n`;
  const cause = `   ${error.id} ${error.method}: `;
  const outer = translated(`processing error encountered on "${object}":`);
  return `0042-001 ${program}: ${outer}\n${cause}${wrap(text, 6, cause.length)}\n`;
}
