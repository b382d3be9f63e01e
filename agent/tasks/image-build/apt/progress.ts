import { megabytes, Pace } from '../../image-tree/pace.ts';
import type { PackageStage } from '../family.ts';

/** What the lines of mmdebstrap, apt and dpkg mean: which package, how many of them, how long still. */
export interface AptProgress {
  readonly stage: PackageStage;
  /** For a person: `unpacking libc6`. */
  readonly text: string;
  readonly done: number;
  readonly total: number;
}

const stepNames: readonly (readonly [line: RegExp, text: string])[] = [
  [/^I: downloading packages/, 'downloading'],
  [/^I: extracting archives/, 'extracting the essential packages'],
  [/^I: installing essential packages/, 'installing the essential packages'],
  [/^I: installing remaining packages/, 'installing'],
  [/^I: cleaning/, 'cleaning up'],
];

const packageLines: readonly (readonly [line: RegExp, verb: string, weight: number])[] = [
  [/^Get:\d+ \S+ \S+ \S+ (\S+) \S+ \S+ \[/, 'downloading', 0.2],
  [/^Unpacking ([^\s:]+)/, 'unpacking', 0.4],
  [/^Setting up ([^\s:]+)/, 'setting up', 0.4],
  [/^Processing triggers for ([^\s:]+)/, 'running triggers of', 0],
];

const units: Readonly<Record<string, number>> = { B: 1, kB: 1e3, MB: 1e6, GB: 1e9 };

/** Feed it every line. A package counts in parts: fetched, unpacked, set up. */
export class AptFollower {
  readonly #stage: PackageStage;
  readonly #total: number;
  readonly #now: () => number;
  readonly #pace: Pace;
  readonly #seen = new Map<string, Set<string>>();
  /** Bytes to fetch, as apt says it, and fetched. */
  #wanted = 0;
  #fetched = 0;
  /** Share of the packages that need not be fetched. */
  #here = 0;
  #fetching: Pace | undefined;

  /** `total`: packages that this stage brings. */
  constructor(stage: PackageStage, total: number, now: () => number = Date.now) {
    this.#stage = stage;
    this.#total = Math.max(1, total);
    this.#now = now;
    this.#pace = new Pace(now);
  }

  /** Undefined: the line means no progress. */
  line(text: string): AptProgress | undefined {
    const need = /^Need to get ([\d.,]+) ([kMG]?B)(?:\/([\d.,]+) ([kMG]?B))?/.exec(text);
    if (need !== null) {
      this.#wanted = bytesOf(need[1], need[2]);
      this.#here = need[3] === undefined ? 0 : 1 - this.#wanted / Math.max(1, bytesOf(need[3], need[4]));
      this.#fetching = new Pace(this.#now);
      return this.#say('downloading');
    }
    const step = stepNames.find(([pattern]) => pattern.test(text));
    if (step !== undefined) return this.#say(step[1]);
    for (const [pattern, verb] of packageLines) {
      const name = pattern.exec(text)?.[1];
      if (name === undefined) continue;
      const names = this.#seen.get(verb) ?? new Set();
      this.#seen.set(verb, names.add(name));
      if (verb === 'downloading') return this.#say(`${verb} ${name}${this.#rate(text)}`);
      return this.#say(`${verb} ${name}`);
    }
    return undefined;
  }

  /** `, 12.3 of 145.0 MB, 10.1 MB/s` */
  #rate(line: string): string {
    const size = /\[([\d.,]+) ([kMG]?B)\]$/.exec(line);
    this.#fetched += bytesOf(size?.[1], size?.[2]);
    const { seconds } = this.#fetching ?? this.#pace;
    const of = this.#wanted > 0 ? ` of ${megabytes(this.#wanted)}` : '';
    const rate = seconds > 0 ? `, ${megabytes(this.#fetched / seconds)} MB/s` : '';
    return `, ${megabytes(this.#fetched)}${of} MB${rate}`;
  }

  #say(text: string): AptProgress {
    let parts = 0;
    for (const [, verb, weight] of packageLines) {
      const seen = this.#seen.get(verb)?.size ?? 0;
      const before = verb === 'downloading' ? this.#here * this.#total : 0;
      parts += weight * Math.min(this.#total, seen + before);
    }
    const done = Math.min(this.#total, Math.floor(parts));
    return { stage: this.#stage, text: `${text}${this.#pace.left(parts, this.#total)}`, done, total: this.#total };
  }
}

function bytesOf(number: string | undefined, unit: string | undefined): number {
  return Number((number ?? '0').replaceAll(',', '')) * (units[unit ?? 'B'] ?? 1) || 0;
}
