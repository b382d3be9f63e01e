/** One command of a session file with what it has to answer. */
export interface SessionStep {
  readonly line: number;
  readonly command: string;
  readonly stdin?: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly rc: number;
  /** Only the exit code counts: help and usage texts may be reworded at any time. */
  readonly anyText?: boolean;
}

/**
 * Session files read like a terminal:
 *
 *     # a comment, only before the first command
 *     $ command line                 every command begins a case
 *     < a line of standard input
 *     a line of standard output      an empty line is written as `.`, a blank at its end as `␠`
 *     ! a line of standard error
 *     ? 1                            the exit code where it is not 0; `? 1 any text` where only that counts
 *
 * Blank lines say nothing. A session begins with a fresh manager; its commands build on each other.
 */
export function readSession(text: string): SessionStep[] {
  const steps: {
    line: number;
    command: string;
    stdin?: string;
    stdout: string;
    stderr: string;
    rc: number;
    anyText?: boolean;
  }[] = [];
  text.split('\n').forEach((line, at) => {
    if (line === '' || (steps.length === 0 && line.startsWith('# '))) return;
    if (line.startsWith('$ ')) {
      steps.push({ line: at + 1, command: line.slice(2), stdout: '', stderr: '', rc: 0 });
      return;
    }
    const step = steps.at(-1);
    if (step === undefined) throw new Error(`Line ${at + 1} comes before any command`);
    const whole = (text: string): string => `${text.replace(/␠$/, ' ')}\n`;
    if (line.startsWith('< ') || line === '<') step.stdin = `${step.stdin ?? ''}${whole(line.slice(2))}`;
    else if (line.startsWith('! ') || line === '!') step.stderr += whole(line.slice(2));
    else if (line.startsWith('? ')) {
      step.rc = Number(line.split(' ')[1]);
      if (line.endsWith(' any text')) step.anyText = true;
    } else step.stdout += line === '.' ? '\n' : whole(line);
  });
  return steps;
}

/** The other way round, for writing down what a new command answers. */
export function writeStep(step: Omit<SessionStep, 'line'>): string {
  const lines = (text: string, mark: string): string[] => {
    if (text === '') return [];
    const found = text.replace(/\n$/, '').split('\n');
    return found.map((line) => (line === '' ? mark.trimEnd() : mark + line.replace(/ $/, '␠')));
  };
  const input = lines(step.stdin ?? '', '< ');
  if (step.anyText === true) return [`$ ${step.command}`, ...input, `? ${step.rc} any text`].join('\n');
  const output = lines(step.stdout, '').map((line) => (line === '' ? '.' : line));
  const exit = step.rc === 0 ? [] : [`? ${step.rc}`];
  return [`$ ${step.command}`, ...input, ...output, ...lines(step.stderr, '! '), ...exit].join('\n');
}
