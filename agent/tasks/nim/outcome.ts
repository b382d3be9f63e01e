import { HostlerError } from '../../../shared/errors/error.ts';

/** What came of each node, and lines for people. */
export class Outcome {
  readonly failed = new Map<string, string>();
  readonly lines: string[] = [];

  fail(node: string, thrown: unknown): void {
    this.failed.set(node, HostlerError.from(thrown).message);
  }

  try(node: string, work: () => void): boolean {
    try {
      work();
      return true;
    } catch (thrown) {
      this.fail(node, thrown);
      return false;
    }
  }
}
