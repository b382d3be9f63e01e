import type { Change, Effect } from '../../../shared/verb/effect.ts';
import type { Row, View } from '../../../shared/verb/view.ts';

/** Type to name to row: what a test starts from. */
export type Objects = Readonly<Record<string, Readonly<Record<string, Row>>>>;

/** A View over plain objects that takes commits the way the registry does, without history or conflicts. */
export class MemoryView implements View {
  revision = 1;
  private readonly defined = new Map<string, Map<string, Record<string, string>>>();
  private readonly observed = new Map<string, Map<string, Record<string, string>>>();

  constructor(objects: Objects = {}) {
    for (const [type, named] of Object.entries(objects)) {
      for (const [name, row] of Object.entries(named)) table(this.defined, type).set(name, { ...row });
    }
  }

  row(type: string, name: string): Row | undefined {
    return this.defined.get(type)?.get(name);
  }

  rows(type: string): Iterable<readonly [string, Row]> {
    return this.defined.get(type) ?? [];
  }

  has(type: string, name: string): boolean {
    return this.defined.get(type)?.has(name) === true;
  }

  count(type: string): number {
    return this.defined.get(type)?.size ?? 0;
  }

  reported(type: string, name: string): Row | undefined {
    return this.observed.get(type)?.get(name);
  }

  reportedRows(type: string): Iterable<readonly [string, Row]> {
    return this.observed.get(type) ?? [];
  }

  /** Reported state of one object; merged with what was reported before. */
  observe(type: string, name: string, values: Readonly<Record<string, string | null>>): void {
    const named = table(this.observed, type);
    named.set(name, merged(named.get(name), values));
  }

  /** One revision for all of them. */
  commit(changes: readonly Change[]): void {
    for (const change of changes) {
      const named = table(this.defined, change.type);
      if (change.fresh !== undefined && change.fresh === named.has(change.name)) {
        throw new Error(
          `${change.type} ${change.name}: fresh is ${String(change.fresh)} and it ${change.fresh ? 'exists' : 'does not'}`,
        );
      }
      if (change.remove === true) named.delete(change.name);
      else named.set(change.name, merged(named.get(change.name), change.values ?? {}));
    }
    this.revision += 1;
  }

  /** Applies what a verb asked for: commits and observations. */
  apply(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.do === 'commit') this.commit(effect.changes);
      if (effect.do === 'observe') this.observe(effect.type, effect.name, effect.values);
    }
  }

  /** Everything that is defined, as plain objects. */
  objects(): Objects {
    return Object.fromEntries([...this.defined].map(([type, named]) => [type, Object.fromEntries(named)]));
  }
}

function table<T>(tables: Map<string, Map<string, T>>, type: string): Map<string, T> {
  const known = tables.get(type);
  if (known !== undefined) return known;
  const made = new Map<string, T>();
  tables.set(type, made);
  return made;
}

function merged(row: Row | undefined, values: Readonly<Record<string, string | null>>): Record<string, string> {
  const result = new Map(Object.entries(row ?? {}));
  for (const [column, value] of Object.entries(values)) {
    if (value === null) result.delete(column);
    else result.set(column, value);
  }
  return Object.fromEntries(result);
}
