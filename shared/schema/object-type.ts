/** One way in which an object shows and takes a value. */
export interface Attribute {
  readonly name: string;
  /**
   * Where the value is kept: `table.column`, or `table.column.qualifier` for tables that hold several rows for one
   * name (see `Table.qualifiedBy`).
   */
  readonly column: string;
  readonly table: string;
  /** In our own words, for help and documentation. */
  readonly meaning: string;
  /** The attribute exists only while another one holds this value as a whole word. */
  readonly when?: { readonly attribute: string; readonly value: string };
  /** Never shown in history, plans or logs. */
  readonly secret: boolean;
}

/**
 * A type of object as data. The same attribute name may stand several times with different conditions: for reading,
 * the last entry in this order whose condition holds and that has a value wins; for writing, every entry whose
 * condition holds is written. Hence the order of the list carries meaning.
 */
export interface ObjectType {
  readonly name: string;
  /** The attribute that is the object's name. It is not stored, the name is. */
  readonly key: string;
  readonly attributes: readonly Attribute[];
  /** Entries by attribute name, in order. */
  readonly byName: ReadonlyMap<string, readonly Attribute[]>;
  /** Tables that hold values of this type, in order of first use. */
  readonly tables: readonly string[];
}

/** One line of a type's data file. `when` is written `attribute=value`. */
export function at(
  name: string,
  column: string,
  meaning: string,
  options: { readonly when?: string; readonly secret?: true } = {},
): Attribute {
  const [table = ''] = column.split('.');
  const secret = options.secret === true;
  if (options.when === undefined) return { name, column, table, meaning, secret };
  const split = options.when.indexOf('=');
  const when = { attribute: options.when.slice(0, split), value: options.when.slice(split + 1) };
  return { name, column, table, meaning, secret, when };
}

export function objectType(name: string, key: string, attributes: readonly Attribute[]): ObjectType {
  const byName = new Map<string, Attribute[]>();
  for (const attribute of attributes) {
    const entries = byName.get(attribute.name);
    if (entries === undefined) byName.set(attribute.name, [attribute]);
    else entries.push(attribute);
  }
  const tables = [...new Set(attributes.map((attribute) => attribute.table))];
  return { name, key, attributes, byName, tables };
}
