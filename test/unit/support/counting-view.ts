import type { Row, View } from '../../../shared/verb/view.ts';

/** A View that counts the rows it gives away: what a question costs, whatever the machine. */
export class CountingView implements View {
  rowsTouched = 0;
  readonly #view: View;

  constructor(view: View) {
    this.#view = view;
  }

  get revision(): number {
    return this.#view.revision;
  }

  row(type: string, name: string): Row | undefined {
    this.rowsTouched += 1;
    return this.#view.row(type, name);
  }

  *rows(type: string): Iterable<readonly [string, Row]> {
    for (const entry of this.#view.rows(type)) {
      this.rowsTouched += 1;
      yield entry;
    }
  }

  has(type: string, name: string): boolean {
    this.rowsTouched += 1;
    return this.#view.has(type, name);
  }

  count(type: string): number {
    return this.#view.count(type);
  }

  changedSince(type: string, revision: number): readonly string[] | undefined {
    const changed = this.#view.changedSince?.(type, revision);
    this.rowsTouched += changed?.length ?? 0;
    return changed;
  }

  reported(type: string, name: string): Row | undefined {
    this.rowsTouched += 1;
    return this.#view.reported(type, name);
  }

  *reportedRows(type: string): Iterable<readonly [string, Row]> {
    for (const entry of this.#view.reportedRows(type)) {
      this.rowsTouched += 1;
      yield entry;
    }
  }
}
