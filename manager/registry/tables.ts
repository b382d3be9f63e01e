import type { Row, View } from '../../shared/verb/view.ts';

const nothing: ReadonlyMap<string, Row> = new Map();

/** Rows by type and name. */
export class Rows {
  readonly #types = new Map<string, Map<string, Row>>();

  get(type: string, name: string): Row | undefined {
    return this.#types.get(type)?.get(name);
  }

  all(type: string): ReadonlyMap<string, Row> {
    return this.#types.get(type) ?? nothing;
  }

  put(type: string, name: string, row: Row | undefined): void {
    let names = this.#types.get(type);
    if (row === undefined) {
      names?.delete(name);
      return;
    }
    if (names === undefined) this.#types.set(type, (names = new Map<string, Row>()));
    names.set(name, row);
  }

  clear(): void {
    this.#types.clear();
  }
}

/** After more changes than this, what was computed from all objects is better computed anew. */
const mostRemembered = 500;

/** The present, in memory. */
export class LiveView implements View {
  revision = 0;
  /** The last changes in order, none left out after `#rememberedFrom`. */
  #changes: { readonly revision: number; readonly type: string; readonly name: string }[] = [];
  #rememberedFrom = 0;
  readonly definitions = new Rows();
  readonly reports = new Rows();

  row(type: string, name: string): Row | undefined {
    return this.definitions.get(type, name);
  }
  rows(type: string): Iterable<readonly [string, Row]> {
    return this.definitions.all(type);
  }
  has(type: string, name: string): boolean {
    return this.definitions.all(type).has(name);
  }
  count(type: string): number {
    return this.definitions.all(type).size;
  }
  /** The present is now that of a later revision. */
  advance(
    objects: readonly { readonly type: string; readonly name: string; readonly after: Row | undefined }[],
    revision: number,
  ): void {
    for (const { type, name, after } of objects) this.definitions.put(type, name, after);
    this.revision = revision;
    if (objects.length > mostRemembered) {
      this.#changes = [];
      this.#rememberedFrom = revision;
      return;
    }
    for (const { type, name } of objects) this.#changes.push({ revision, type, name });
    // Twice as many, so that not every change moves all of them.
    if (this.#changes.length <= 2 * mostRemembered) return;
    const gone = this.#changes.length - mostRemembered;
    this.#rememberedFrom = this.#changes[gone - 1]?.revision ?? revision;
    this.#changes = this.#changes.slice(gone);
  }
  changedSince(type: string, revision: number): readonly string[] | undefined {
    if (revision < this.#rememberedFrom) return undefined;
    return this.#changes.filter((change) => change.revision > revision && change.type === type).map(({ name }) => name);
  }
  reported(type: string, name: string): Row | undefined {
    return this.reports.get(type, name);
  }
  reportedRows(type: string): Iterable<readonly [string, Row]> {
    return this.reports.all(type);
  }
}

/**
 * A row as it stands on the disk: keys in order, so that equal keys make equal shapes (see parseRow). `asSet`: in the
 * order in which they were set, for the one object (site) whose table shows that order.
 */
export function rowText(values: Iterable<readonly [string, string]>, asSet = false): string {
  const entries = asSet ? [...values] : [...values].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return JSON.stringify(Object.fromEntries(entries));
}

/**
 * JSON.parse gives equal keys in equal order one shared shape, which V8 stores without the keys: this is what keeps ten
 * thousand nodes small. So every row in memory comes from here.
 */
export function parseRow(text: string): Row {
  return Object.freeze(JSON.parse(text) as Row);
}
