/** Push becomes pull: what is put in comes out of one `for await`. Bounded by whoever pushes: see `size` and `atMost`. */
export class Queue<T> implements AsyncIterable<T> {
  readonly #items: T[] = [];
  #ended: { error?: unknown } | undefined;
  #wake: (() => void) | undefined;
  #blocked: { readonly count: number; readonly resolve: () => void }[] = [];

  get size(): number {
    return this.#items.length;
  }

  get ended(): boolean {
    return this.#ended !== undefined;
  }

  push(item: T): void {
    if (this.#ended !== undefined) return;
    this.#items.push(item);
    this.#wake?.();
  }

  /** After what is in it: the end, or the error. The first call counts. */
  end(error?: unknown): void {
    if (this.#ended !== undefined) return;
    this.#ended = error === undefined ? {} : { error };
    this.#wake?.();
    this.#release();
  }

  /** Like `end`, but what is still in it is thrown away. */
  abort(error: unknown): void {
    this.#items.length = 0;
    this.end(error);
  }

  /** Resolves when no more than that many wait, or the queue ended. */
  atMost(count: number): Promise<void> {
    if (this.#items.length <= count || this.#ended !== undefined) return Promise.resolve();
    return new Promise((resolve) => this.#blocked.push({ count, resolve }));
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    while (true) {
      const item = this.#items.shift();
      if (item !== undefined) {
        this.#release();
        yield item;
        continue;
      }
      if (this.#ended !== undefined) {
        if ('error' in this.#ended) throw this.#ended.error;
        return;
      }
      await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#wake = undefined;
    }
  }

  #release(): void {
    if (this.#blocked.length === 0) return;
    const free = (waiting: { readonly count: number }): boolean =>
      this.#ended !== undefined || this.#items.length <= waiting.count;
    const released = this.#blocked.filter(free);
    this.#blocked = this.#blocked.filter((waiting) => !free(waiting));
    for (const { resolve } of released) resolve();
  }
}
