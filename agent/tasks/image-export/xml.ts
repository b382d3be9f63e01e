import { HostlerError } from '../../../shared/errors/error.ts';

/** An element with elements or text in it, which is all that a manifest holds. */
export interface Element {
  readonly name: string;
  readonly text: string;
  readonly children: readonly Element[];
}

const mostElements = 10_000;

export function xmlText(element: Element, depth = 0): string {
  const pad = '  '.repeat(depth);
  const { name, text, children } = element;
  if (children.length === 0) return `${pad}<${name}>${escaped(text)}</${name}>\n`;
  return `${pad}<${name}>\n${children.map((child) => xmlText(child, depth + 1)).join('')}${pad}</${name}>\n`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/**
 * Reads the little that manifests are written in: elements, attributes (taken for elements), text, remarks. No document
 * types and no entities of one's own. Throws `invalid_argument`.
 */
export function parseXml(source: string): Element {
  const wrong = new HostlerError(
    'invalid_argument',
    'invalid manifest.xml file inside the bundle.  Please verify the XML',
  );
  const stack: { name: string; text: string; children: Element[] }[] = [{ name: '', text: '', children: [] }];
  const token =
    /<\?[^>]*\?>|<!--[\s\S]*?-->|<(\/?)([A-Za-z_][\w.-]*)((?:\s+[\w.:-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>|([^<]+)/gy;
  let count = 0;
  while (token.lastIndex < source.length) {
    const match = token.exec(source);
    if (match === null || (count += 1) > mostElements) throw wrong;
    const [, closing, name, attributes = '', empty, text] = match;
    const top = stack.at(-1);
    if (top === undefined) throw wrong;
    if (text !== undefined) top.text += plain(text);
    else if (name === undefined) continue;
    else if (closing === '/') {
      const parent = stack.at(-2);
      if (top.name !== name || parent === undefined) throw wrong;
      stack.pop();
      parent.children.push({ ...top, text: top.text.trim() });
    } else {
      const children = [...attributes.matchAll(/([\w.:-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g)].map(
        ([, key = '', a, b]): Element => ({ name: key, text: plain(a ?? b ?? ''), children: [] }),
      );
      if (empty === '/') top.children.push({ name, text: '', children });
      else stack.push({ name, text: '', children });
    }
  }
  const [root, ...others] = stack[0]?.children ?? [];
  if (stack.length !== 1 || root === undefined || others.length > 0) throw wrong;
  return root;
}

function plain(text: string): string {
  return text.replace(/&(?:#(\d+)|#x([0-9a-fA-F]+)|(\w+));/g, (whole, decimal?: string, hex?: string, name?: string) =>
    name === undefined
      ? String.fromCodePoint(Math.min(Number.parseInt(decimal ?? hex ?? '', hex === undefined ? 10 : 16), 0x10ffff))
      : (entities[name] ?? whole),
  );
}

export function child(element: Element, name: string): Element | undefined {
  return element.children.find((one) => one.name === name);
}
