import { connect } from 'node:net';
import { PassThrough, type Duplex } from 'node:stream';
import { HostlerError } from '../../../../shared/errors/error.ts';
import { processFailure } from '../../../../shared/process/failure.ts';
import { run } from '../../../../shared/process/run.ts';
import { which } from '../../../../shared/process/which.ts';
import type { TaskContext } from '../../types.ts';

/** si_prepareclient writes files and sleeps; about five seconds when all is well. */
const patienceMs = 5 * 60_000;

/**
 * Process 1 of a namespace of its own, so that SystemImager, which signals every rsync that it sees, sees none of this
 * machine's; when it ends, so does the daemon. The text is fixed; all words are arguments.
 */
const keeper = `set -e
"$@" </dev/null
echo prepared
cat >/dev/null
# It stops its daemon and clears up when it reads in its log that all was fetched.
tries=0
while [ "$tries" -lt 30 ]; do
  set -- /proc/[0-9]*
  [ $# -gt 1 ] || exit 0
  tries=$((tries + 1))
  sleep 0.5
done`;

/**
 * The machine's own SystemImager prepares it, and its daemon answers while `work` lasts: on this machine alone, for it is
 * told that the image server is here. What comes goes on to the image server by our own line, encrypted.
 */
export async function withPreparedClient<T>(context: TaskContext, work: () => Promise<T>): Promise<T> {
  if (which('si_prepareclient') === undefined) {
    throw new HostlerError(
      'failed_precondition',
      'site.sysclonemethod is systemimager, and this golden client has no si_prepareclient. Install systemimager-client on it, or clear the attribute: chdef -t site sysclonemethod=',
    );
  }
  const hold = new PassThrough();
  let isReady: () => void = () => {};
  const ready = new Promise<void>((resolve) => (isReady = resolve));
  const program = ['si_prepareclient', '--server', '127.0.0.1', '--no-uyok', '--yes'];
  const space = ['--pid', '--fork', '--kill-child', '--mount', '--mount-proc', '--propagation', 'private'];
  const stop = new AbortController();
  const running = run('unshare', [...space, 'sh', '-c', keeper, 'sh', ...program], {
    input: hold,
    signal: AbortSignal.any([context.signal, stop.signal]),
    env: { LC_ALL: 'C' },
    onLine: (line) => {
      context.log(line);
      if (line === 'prepared') isReady();
    },
  });
  const failed = running.then(
    () => new HostlerError('unavailable', 'si_prepareclient ended before all was fetched.'),
    (error: unknown) => explained(error),
  );
  const late = AbortSignal.timeout(patienceMs);
  const tooLate = new Promise<HostlerError>((resolve) => {
    late.addEventListener('abort', () =>
      resolve(new HostlerError('deadline_exceeded', 'si_prepareclient was not done after five minutes.')),
    );
  });
  try {
    const trouble = await Promise.race([ready.then(() => undefined), failed, tooLate]);
    if (trouble !== undefined) throw trouble;
    const result = await work();
    hold.end();
    await failed;
    return result;
  } finally {
    hold.end();
    stop.abort(new HostlerError('cancelled', 'the capture is over'));
    await failed;
  }
}

function explained(error: unknown): HostlerError {
  const failure = processFailure(error);
  if (failure === undefined) return HostlerError.from(error);
  const said = `${failure.stderr}\n${failure.stdout}`.trim().split('\n').slice(-3).join(' ');
  return new HostlerError('failed_precondition', `si_prepareclient failed on this golden client: ${said}`, {
    cause: error,
  });
}

/** A line from the image server, joined with SystemImager's daemon. Resolves when either side ends. */
export function joinDaemon(line: Duplex, context: TaskContext): Promise<void> {
  return new Promise((resolve) => {
    const daemon = connect({ host: '127.0.0.1', port: 873 });
    const end = (): void => {
      daemon.destroy();
      line.destroy();
      resolve();
    };
    context.signal.addEventListener('abort', end, { once: true });
    daemon.on('error', (error) => {
      context.log(`SystemImager's daemon: ${error.message}`);
      end();
    });
    line.on('error', end);
    line.on('close', end);
    daemon.on('close', () => {
      line.end();
      context.signal.removeEventListener('abort', end);
      resolve();
    });
    daemon.once('connect', () => {
      line.pipe(daemon);
      daemon.pipe(line);
    });
  });
}
