import { once } from 'node:events';

/** Where a command prints. Waits when the reader is slow, and leaves quietly when the reader is gone. */
export interface Writer {
  out(text: string): Promise<void>;
  error(text: string): Promise<void>;
  /** Whether standard error is a terminal where lines can be drawn over. */
  readonly live: boolean;
  readonly columns: number;
}

/** Exit code when the reader of a pipe is gone: what a shell shows for SIGPIPE. */
const pipeGone = 141;

/** The beginning of what was said on standard error; kept only where that is a terminal. */
let complaint = '';
const longestComplaint = 4_000;

export function complaintShown(): string {
  return complaint;
}

function remember(text: string): string {
  if (process.stderr.isTTY && complaint.length < longestComplaint) complaint += text;
  return text;
}

/** For the start of the program: a reader that left (`lsdef | head`) ends it without a word. */
export function leaveQuietlyWhenUnread(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? pipeGone : 1));
  }
}

export function terminalWriter(environment: NodeJS.ProcessEnv): Writer {
  const put = async (stream: NodeJS.WriteStream, text: string): Promise<void> => {
    if (text !== '' && !stream.write(text)) await once(stream, 'drain');
  };
  return {
    out: (text) => put(process.stdout, text),
    error: (text) => put(process.stderr, remember(text)),
    live: process.stderr.isTTY && environment['TERM'] !== 'dumb',
    columns: process.stderr.columns || 80,
  };
}

/** Everything written has left the process. */
export async function flushed(): Promise<void> {
  await Promise.all(
    [process.stdout, process.stderr].map((stream) => new Promise<void>((done) => stream.write('', () => done()))),
  );
}
