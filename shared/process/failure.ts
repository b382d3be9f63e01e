import { HostlerError } from '../errors/error.ts';
import { printable } from './printable.ts';

/** Cause of the error of a program that failed: for the log, and for callers that look at the exit code. */
export class ProcessFailure extends Error {
  override readonly name = 'ProcessFailure';
  readonly program: string;
  readonly exit: number | null;
  readonly endedBy: string | null;
  readonly stdout: string;
  readonly stderr: string;

  constructor(of: { program: string; exit: number | null; endedBy: string | null; stdout: string; stderr: string }) {
    super(of.exit === null ? `${of.program} was ended by ${of.endedBy}` : `${of.program} exited with ${of.exit}`);
    this.program = of.program;
    this.exit = of.exit;
    this.endedBy = of.endedBy;
    this.stdout = of.stdout;
    this.stderr = of.stderr;
  }
}

/** What the program did, when that is why `run` threw. */
export function processFailure(thrown: unknown): ProcessFailure | undefined {
  const cause = thrown instanceof HostlerError ? thrown.cause : thrown;
  return cause instanceof ProcessFailure ? cause : undefined;
}

/** The error for the user: the short reason first, then what the program itself said last. */
export function failed(failure: ProcessFailure): HostlerError {
  const reason =
    failure.endedBy === 'SIGKILL' ? `${failure.message} (was the machine out of memory?)` : printable(failure.message);
  const said = meaningfulLines(failure.stderr) || meaningfulLines(failure.stdout);
  return new HostlerError('internal', said === '' ? `${reason}; it printed nothing` : `${reason}: ${said}`, {
    cause: failure,
  });
}

const complaint =
  /^\s*(?:E:|ERROR\b|FATAL\b|error:|fatal:|failed\b)|: (?:error|fatal|cannot|can't|no such|permission denied|no space)/i;

/** The few lines of a program's output that say why it failed: complaints, else the last ones; escaped and bounded. */
export function meaningfulLines(output: string): string {
  const lines = output
    .split(/\r\n|\n|\r/)
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .slice(-60);
  const complaints = lines.filter((line) => complaint.test(line));
  const chosen = complaints.length > 0 ? complaints.slice(-4) : lines.slice(-4);
  return chosen.map((line) => printable(line.length > 300 ? `${line.slice(0, 300)}...` : line)).join('; ');
}
