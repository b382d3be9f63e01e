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
 *     # a comment
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
    if (line === '' || line.startsWith('# ')) return;
    if (line.startsWith('$ ')) {
      steps.push({ line: at + 1, command: line.slice(2), stdout: '', stderr: '', rc: 0 });
      return;
    }
    const step = steps.at(-1);
    if (step === undefined) throw new Error(`Line ${at + 1} comes before any command`);
    if (line.startsWith('< ') || line === '<') step.stdin = `${step.stdin ?? ''}${line.slice(2)}\n`;
    else if (line.startsWith('! ') || line === '!') step.stderr += `${line.slice(2)}\n`;
    else if (line.startsWith('? ')) {
      step.rc = Number(line.split(' ')[1]);
      if (line.endsWith(' any text')) step.anyText = true;
    } else step.stdout += line === '.' ? '\n' : `${line.replace(/␠$/, ' ')}\n`;
  });
  return steps;
}

/** The other way round, for writing down what a new command answers. */
export function writeStep(step: Omit<SessionStep, 'line'>): string {
  const lines = (text: string, mark: string): string[] =>
    text === ''
      ? []
      : text
          .replace(/\n$/, '')
          .split('\n')
          .map((line) => `${mark}${line}`.replace(/ $/, mark === '' ? '␠' : ''));
  const stdout = lines(step.stdout, '').map((line) => (line === '' ? '.' : line));
  if (step.anyText === true) return `$ ${step.command}\n? ${step.rc} any text`;
  return [
    `$ ${step.command}`,
    ...(step.stdin === undefined ? [] : lines(step.stdin, '< ')),
    ...stdout,
    ...lines(step.stderr, '! '),
    ...(step.rc === 0 ? [] : [`? ${step.rc}`]),
  ].join('\n');
}
