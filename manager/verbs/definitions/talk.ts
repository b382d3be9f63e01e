import type { Asked } from '../../../shared/verb/asked.ts';
import type { Effect, Json } from '../../../shared/verb/effect.ts';

/** Pieces of output are at most about this long, so that no message on the wire grows out of bounds. */
const pieceLength = 64_000;

/** Collects what a command of definitions says, in xCAT's forms. Texts without their last line feed. */
export class Talk {
  readonly asked: Asked;
  /** How many errors were said: one is enough for exit code 1. */
  errors = 0;
  warnings = 0;
  private readonly effects: Effect[] = [];
  private pending = '';

  constructor(asked: Asked) {
    this.asked = asked;
  }

  /** A line for standard output. In JSON nothing is said there but data. */
  line(text: string): void {
    if (this.asked.json) return;
    this.pending += `${text}\n`;
    if (this.pending.length >= pieceLength) this.flush();
  }

  /** Several lines, each with its line feed. */
  block(text: string): void {
    if (text !== '') this.line(text.slice(0, -1));
  }

  data(value: Json): void {
    if (this.asked.json) this.effects.push({ do: 'data', value });
  }

  error(text: string): void {
    this.errors += 1;
    this.aside(`Error: [${this.asked.server}]: ${text}\n`);
  }

  warning(text: string): void {
    this.warnings += 1;
    this.aside(`Warning: [${this.asked.server}]: ${text}\n`);
  }

  add(effect: Effect): void {
    this.flush();
    this.effects.push(effect);
  }

  /** Everything, and the end. Exit code 1 when there were errors. */
  done(exit = this.errors > 0 ? 1 : 0): Effect[] {
    this.flush();
    return [...this.effects, { do: 'done', exit }];
  }

  private aside(text: string): void {
    this.flush();
    this.effects.push({ do: 'say', text, error: true });
  }

  private flush(): void {
    if (this.pending !== '') this.effects.push({ do: 'say', text: this.pending });
    this.pending = '';
  }
}
