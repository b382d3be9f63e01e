/** How far something is, in words for people. Begun when it is made. */
export class Pace {
  readonly #now: () => number;
  readonly #began: number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
    this.#began = now();
  }

  get seconds(): number {
    return (this.#now() - this.#began) / 1000;
  }

  /** `, about 12 s left`; nothing before a tenth is done, so that the first guess is not absurd. */
  left(done: number, total: number): string {
    const share = done / Math.max(1, total);
    const { seconds } = this;
    if (share < 0.1 || share > 0.99 || seconds < 2) return '';
    return `, about ${Math.ceil((seconds * (1 - share)) / share)} s left`;
  }

  /** `120.3 of 798.0 MB, 95.1 MB/s, about 8 s left` */
  bytes(done: number, total: number): string {
    const { seconds } = this;
    const rate = seconds >= 0.5 ? `, ${megabytes(done / seconds)} MB/s` : '';
    return `${megabytes(done)} of ${megabytes(total)} MB${rate}${this.left(done, total)}`;
  }
}

export function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
