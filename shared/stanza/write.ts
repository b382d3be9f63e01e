/** First line of every stanza file that is written. */
export const stanzaHeader = '# <xCAT data object stanza file>\n';

/** One object as a stanza, with the empty line in front of it. Attributes in the order given. */
export function writeStanza(name: string, objtype: string, attributes: Iterable<readonly [string, string]>): string {
  let text = `\n${name}:\n    objtype=${objtype}\n`;
  for (const [attribute, value] of attributes) text += `    ${attribute}=${value}\n`;
  return text;
}
