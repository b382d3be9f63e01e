/** What the lines of mmdebstrap, apt and dpkg mean: which stage, which package, how many of them. */
export interface AptProgress {
  readonly stage: 'bootstrap' | 'packages';
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

/** Feed it every line. A package counts in parts: fetched, unpacked, set up. */
export class AptFollower {
  readonly #total: number;
  readonly #seen = new Map<string, Set<string>>();
  #stage: AptProgress['stage'] = 'bootstrap';

  /** `total`: packages that will be there in the end. */
  constructor(total: number) {
    this.#total = Math.max(1, total);
  }

  get stage(): AptProgress['stage'] {
    return this.#stage;
  }

  /** Undefined: the line means no progress. */
  line(text: string): AptProgress | undefined {
    const step = stepNames.find(([pattern]) => pattern.test(text));
    if (step !== undefined) {
      if (text.startsWith('I: installing remaining')) this.#stage = 'packages';
      return this.#say(step[1]);
    }
    for (const [pattern, verb] of packageLines) {
      const name = pattern.exec(text)?.[1];
      if (name === undefined) continue;
      const names = this.#seen.get(verb) ?? new Set();
      this.#seen.set(verb, names.add(name));
      return this.#say(`${verb} ${name}`);
    }
    return undefined;
  }

  #say(text: string): AptProgress {
    let parts = 0;
    for (const [, verb, weight] of packageLines)
      parts += weight * Math.min(this.#total, this.#seen.get(verb)?.size ?? 0);
    return { stage: this.#stage, text, done: Math.min(this.#total, Math.floor(parts)), total: this.#total };
  }
}
