/** An object of the NIM database as `lsnim -l` shows it. */
export interface NimObject {
  readonly name: string;
  readonly class: string;
  readonly type: string;
  /** Every value of every attribute, in the order shown; a type that is allocated twice has two. */
  readonly attributes: ReadonlyMap<string, readonly string[]>;
}

export function first(object: NimObject, attribute: string): string {
  return object.attributes.get(attribute)?.[0] ?? '';
}

/**
 * Reads the long form: `name:` on a line of its own, then indented `attribute = value` lines with a moving `=` column.
 * Only the first `=` separates. Lines that look like neither continue the value before (err_info; NIM facts, 2.3).
 */
export function parseStanzas(text: string): NimObject[] {
  const objects: NimObject[] = [];
  let name: string | undefined;
  let attributes = new Map<string, string[]>();
  let last: string[] | undefined;
  const close = (): void => {
    if (name === undefined) return;
    objects.push({
      name,
      class: attributes.get('class')?.[0] ?? '',
      type: attributes.get('type')?.[0] ?? '',
      attributes,
    });
  };
  for (const line of text.split('\n')) {
    const head = /^(\S+):\s*$/.exec(line);
    if (head) {
      close();
      name = head[1];
      attributes = new Map();
      last = undefined;
      continue;
    }
    const pair = /^\s+([A-Za-z_][\w.]*)\s+=(?: (.*))?$/.exec(line);
    if (pair?.[1] !== undefined && name !== undefined) {
      last = attributes.get(pair[1]) ?? [];
      last.push((pair[2] ?? '').trimEnd());
      attributes.set(pair[1], last);
    } else if (last && line.trim() !== '') last.push(`${last.pop() ?? ''}\n${line.trim()}`);
  }
  close();
  return objects;
}
