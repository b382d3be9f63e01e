/** What a line of dnf or zypper means. */
export interface RpmProgress {
  /** For a person: `installing bash-5.1.8-6.el9.x86_64`. */
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
  [/^Retrieving(?: package)?:? (\S+) \((\d+)\/(\d+)\)/, 'downloading'],
];

/** Undefined: the line means no progress. */
export function rpmProgress(line: string): RpmProgress | undefined {
  for (const [form, verb] of forms) {
    const match = form.exec(line);
    if (match === null) continue;
    const [first = '', second = '', third = ''] = match.slice(1);
    const [name, done, total] = form.source.startsWith('^\\(') ? [third, first, second] : [first, second, third];
    return { text: `${verb} ${name.replace(/\.rpm$/, '')}`, done: Number(done), total: Number(total) };
  }
  return undefined;
}
