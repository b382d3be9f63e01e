import { megabytes, Pace } from '../../image-tree/pace.ts';

/** What a line of dnf or zypper means. */
export interface RpmProgress {
  /** For a person: `installing bash-5.1.8-6.el9.x86_64, about 12 s left`. */
  readonly text: string;
  readonly done: number;
  readonly total: number;
}

const forms: readonly (readonly [form: RegExp, verb: string])[] = [
  // dnf: "  Installing       : bash-5.1.8-6.el9.x86_64      3/120"
  [/^\s+(?:Installing|Upgrading|Downgrading|Reinstalling)\s*: (\S+)\s+(\d+)\/(\d+)/, 'installing'],
  [/^\s+(?:Erasing|Cleanup|Obsoleting)\s*: (\S+)\s+(\d+)\/(\d+)/, 'removing'],
  [/^\s+Running scriptlet\s*: (\S+)\s+(\d+)\/(\d+)/, 'running the script of'],
  // dnf: "(3/120): bash-5.1.8-6.el9.x86_64.rpm    1.2 MB/s | 1.7 MB"
  [/^\((\d+)\/(\d+)\): (\S+\.rpm)\s/, 'downloading'],
  // zypper: "(3/120) Installing: bash-5.1.8-6.x86_64 [....done]"
  [/^\(\s*(\d+)\/(\d+)\) Installing: (\S+)/, 'installing'],
  [/^\(\s*(\d+)\/(\d+)\) Removing:? (\S+)/, 'removing'],
  // zypper: "Retrieving package bash-5.1.8-6.x86_64 (3/120),   1.7 MiB (  4.0 MiB unpacked)"
  [/^Retrieving(?: package)?:? (\S+) \((\d+)\/(\d+)\)/, 'downloading'],
];

/** Of one package, behind its name; of all of them, said before. */
const size = /(?:\| +|\), +)([\d.]+) ([kKMG]?i?B)/;
const whole = /^(?:Total|Overall) download size: ([\d.]+) ([kKMG]?(?:i?B)?)/;

const units: Readonly<Record<string, number>> = {
  ...{ k: 1e3, M: 1e6, G: 1e9, kB: 1e3, MB: 1e6, GB: 1e9 },
  ...{ KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 },
};

/** Feed it every line of one call. */
export class RpmFollower {
  readonly #pace: Pace;
  readonly #now: () => number;
  #fetching: Pace | undefined;
  #wanted = 0;
  #fetched = 0;
  /** Of the package that zypper has just begun to fetch. */
  #begun = 0;

  constructor(now: () => number = Date.now) {
    this.#now = now;
    this.#pace = new Pace(now);
  }

  /** Undefined: the line means no progress. */
  line(line: string): RpmProgress | undefined {
    const all = whole.exec(line);
    if (all !== null) {
      this.#wanted = bytesOf(all);
      this.#fetching = new Pace(this.#now);
      return undefined;
    }
    for (const [form, verb] of forms) {
      const match = form.exec(line);
      if (match === null) continue;
      const [first = '', second = '', third = ''] = match.slice(1);
      const [name, done, total] = form.source.startsWith('^\\(') ? [third, first, second] : [first, second, third];
      const far = verb === 'downloading' ? this.#far(line) : '';
      const left = this.#pace.left(Number(done), Number(total));
      return { text: `${verb} ${name.replace(/\.rpm$/, '')}${far}${left}`, done: Number(done), total: Number(total) };
    }
    return undefined;
  }

  /** `, 12.3 of 145.0 MB, 10.1 MB/s` */
  #far(line: string): string {
    const bytes = bytesOf(size.exec(line));
    // dnf names a package when it is there, zypper when it begins with it.
    const begins = line.startsWith('Retrieving');
    this.#fetched += begins ? this.#begun : bytes;
    this.#begun = bytes;
    if (this.#fetched === 0) return '';
    const { seconds } = this.#fetching ?? this.#pace;
    const of = this.#wanted > 0 ? ` of ${megabytes(Math.max(this.#wanted, this.#fetched))}` : '';
    const rate = seconds > 0 ? `, ${megabytes(this.#fetched / seconds)} MB/s` : '';
    return `, ${megabytes(this.#fetched)}${of} MB${rate}`;
  }
}

function bytesOf(match: RegExpExecArray | null): number {
  return Number(match?.[1] ?? 0) * (units[match?.[2] ?? ''] ?? 1) || 0;
}
