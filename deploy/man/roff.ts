/** Text as it stands on a page: nothing of it is taken for a request, dashes stay dashes. */
export function escaped(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll("'", '\\(aq')
    .replaceAll('`', '\\(ga')
    .replaceAll('^', '\\(ha')
    .replaceAll('~', '\\(ti')
    .replace(
      /[^\x20-\x7e\n]/gu,
      (character) => `\\[u${(character.codePointAt(0) ?? 63).toString(16).toUpperCase().padStart(4, '0')}]`,
    )
    .replace(/^\./gm, '\\&.');
}

export interface Page {
  readonly name: string;
  readonly section: 1 | 5 | 7;
  readonly text: string;
}

/** One page from its parts, which are roff already. */
export function page(
  name: string,
  section: 1 | 5 | 7,
  summary: string,
  version: string,
  parts: readonly (readonly [heading: string, body: string])[],
): Page {
  const title = `.TH ${escaped(name.toUpperCase())} ${section} "" "hostler ${escaped(version)}" "Hostler"`;
  const body = parts.filter(([, text]) => text !== '').map(([heading, text]) => `.SH ${heading}\n${text}`);
  const head = `.\\" Made from the definitions of commands and objects; do not edit.\n${title}\n.SH NAME`;
  return { name, section, text: `${[head, `${escaped(name)} \\- ${escaped(summary)}`, ...body].join('\n')}\n` };
}

/** A list of terms and what they mean. */
export function terms(rows: readonly (readonly [term: string, meaning: string])[]): string {
  return rows.map(([term, meaning]) => `.TP\n\\fB${escaped(term)}\\fR\n${escaped(meaning)}`).join('\n');
}

/** Lines that stay as they are. */
export function literal(lines: readonly string[]): string {
  return lines.length === 0 ? '' : ['.nf', ...lines.map(escaped), '.fi'].join('\n');
}
