/** Which task holds which lock, fleet-wide. Made anew from the open steps at every start. */
export class Locks {
  readonly #holders = new Map<string, { readonly task: string; readonly who: string }>();
  readonly #waiting = new Map<string, Set<number>>();

  /** Takes the lock, or says who has it. The job is woken when the lock is free. `who` is for people. */
  take(lock: string, task: string, job: number, who: string): string | undefined {
    const holder = this.#holders.get(lock);
    if (holder !== undefined && holder.task !== task) {
      const waiting = this.#waiting.get(lock) ?? new Set<number>();
      this.#waiting.set(lock, waiting.add(job));
      return holder.who;
    }
    this.#holders.set(lock, { task, who });
    return undefined;
  }

  /** Frees what the task holds; the numbers of the jobs that wait for it, oldest first. */
  release(lock: string, task: string): number[] {
    if (this.#holders.get(lock)?.task !== task) return [];
    this.#holders.delete(lock);
    const waiting = [...(this.#waiting.get(lock) ?? [])].sort((a, b) => a - b);
    this.#waiting.delete(lock);
    return waiting;
  }
}
