import type { Progress__Output } from '../../shared/wire/generated/hostler/v1/Progress.ts';
import type { StepChange__Output } from '../../shared/wire/generated/hostler/v1/StepChange.ts';
import { duration } from './format.ts';
import type { Style } from './style.ts';
import type { Writer } from './writer.ts';

interface Line {
  title: string;
  stage: string;
  text: string;
  percent: number | undefined;
  since: number;
}

/** How often lines are drawn again. */
const redrawEvery = 200;
/** Commands shorter than this show nothing. */
const quietFor = 700;
/** Where programs read, what is over sooner than this is not worth a word on standard error. */
const quietAway = 3_000;

/**
 * Shows how far tasks are, on standard error. On a terminal one line a task is drawn over and over below whatever is
 * printed; elsewhere each new stage is one line. Commands that are done at once show nothing in either case.
 */
export class ProgressView {
  readonly #writer: Writer;
  readonly #style: Style;
  readonly #lines = new Map<string, Line>();
  readonly #began = Date.now();
  #drawn = 0;
  #timer: NodeJS.Timeout | undefined;
  #paused = false;
  /** Stages of a command that may be over in a moment. */
  #held: string[] | undefined = [];

  constructor(writer: Writer, style: Style) {
    this.#writer = writer;
    this.#style = style;
  }

  step(change: StepChange__Output): void {
    const { task, title, state, message } = change;
    if (state === 'running' || state === 'sent') this.#line(task).title = title;
    // Why one failed is what the command itself ends with.
    if (state === 'waiting' || state === 'lost') {
      if (message !== '') this.note(`${title === '' ? task : title}: ${message}`);
    }
    if (state === 'done' || state === 'failed' || state === 'cancelled' || state === 'lost') this.#lines.delete(task);
    this.#draw();
  }

  progress(progress: Progress__Output): void {
    const line = this.#line(progress.task);
    const newStage = line.stage !== progress.stage;
    if (newStage) {
      this.#stageEnded(line);
      line.stage = progress.stage;
      line.since = Date.now();
      if (!this.#writer.live) {
        const text = progress.text === '' || progress.text === progress.stage ? '' : `: ${progress.text}`;
        this.#stage(`${line.title === '' ? '' : `${line.title}: `}${progress.stage}${text}\n`);
      }
    }
    line.text = progress.text;
    line.percent = progress.total > 0 ? Math.min(100, Math.floor((100 * progress.done) / progress.total)) : undefined;
  }

  /** One line for people that stays. */
  note(text: string): void {
    this.clear();
    this.#tellHeld();
    void this.#writer.error(`${text}\n`);
    this.#draw();
  }

  /** While somebody is asked something nothing is drawn. */
  pause(): void {
    this.clear();
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#draw();
  }

  /** Takes the live lines away, before anything else is printed. They come back with the next drawing. */
  clear(): void {
    if (this.#drawn === 0) return;
    void this.#writer.error(`\u001b[${String(this.#drawn)}A\r\u001b[J`);
    this.#drawn = 0;
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#held = undefined;
    this.clear();
  }

  #line(task: string): Line {
    let line = this.#lines.get(task);
    if (line === undefined) {
      line = { title: '', stage: '', text: '', percent: undefined, since: Date.now() };
      this.#lines.set(task, line);
    }
    if (this.#writer.live) this.#timer ??= setInterval(() => this.#draw(), redrawEvery).unref();
    return line;
  }

  /** Where there is no terminal. */
  #stage(line: string): void {
    if (this.#held === undefined || Date.now() - this.#began >= quietAway) {
      this.#tellHeld();
      void this.#writer.error(line);
      return;
    }
    this.#held.push(line);
    this.#timer ??= setTimeout(() => this.#tellHeld(), quietAway - (Date.now() - this.#began)).unref();
  }

  #tellHeld(): void {
    const held = this.#held?.join('') ?? '';
    this.#held = undefined;
    if (held !== '') void this.#writer.error(held);
  }

  /** On a terminal a stage that took its time leaves one line. */
  #stageEnded({ title, stage, since }: Line): void {
    const took = Date.now() - since;
    if (!this.#writer.live || stage === '' || took < quietFor) return;
    this.note(this.#style.dim(`${[title, stage].filter((word) => word !== '').join('  ')}  ${duration(took)}`));
  }

  #draw(): void {
    if (!this.#writer.live || this.#paused || Date.now() - this.#began < quietFor) return;
    this.clear();
    const shown = [...this.#lines.values()].slice(0, 12);
    if (shown.length === 0) return;
    const text = shown.map((line) => `${this.#text(line)}\n`).join('');
    this.#drawn = shown.length;
    void this.#writer.error(text);
  }

  #text({ title, stage, text, percent, since }: Line): string {
    const elapsed = duration(Date.now() - since);
    const head = [title, stage].filter((word) => word !== '').join('  ');
    const share = percent === undefined ? '' : `  ${String(percent)}%`;
    const room = this.#writer.columns - head.length - share.length - elapsed.length - 5;
    const middle = text === stage ? '' : clip(text, room);
    return `${this.#style.bold(head)}${share}  ${this.#style.dim(middle)}  ${elapsed}`;
  }
}

function clip(text: string, room: number): string {
  const plain = text.replace(/[\u0000-\u001f\u007f]/g, ' ');
  if (room <= 0) return '';
  return plain.length <= room ? plain : `${plain.slice(0, Math.max(0, room - 3))}...`;
}
