import { setTimeout as sleep } from 'node:timers/promises';
import { HostlerError } from '../../../shared/errors/error.ts';
import type { Login, Ran } from './login/index.ts';

/**
 * Work that must never be interrupted (a SPOT being built): it runs on the master in the background, ignores the
 * polite signals, writes to files, and is found again by its folder, whatever happened to us or to the connection.
 * One folder for one object, so that nobody starts the same work twice.
 */
const begin = `
umask 077
dir=$1; shift
# A process group of its own where the shell can give one, and no mark by which a dead task's programs are ended.
(set -m) 2>/dev/null && set -m
unset HOSTLER_TASK_DIR
mkdir -p "$dir" || exit 3
if mkdir "$dir/taken" 2>/dev/null; then
  for word in "$@"; do printf '%s\\n' "$word"; done >"$dir/command"
  who -b >"$dir/boot" 2>/dev/null
  (
    trap '' 1 2 15
    "$@" </dev/null >"$dir/out" 2>"$dir/err"
    echo "$?" >"$dir/exit.new"
    mv "$dir/exit.new" "$dir/exit"
  ) </dev/null >/dev/null 2>&1 &
  echo "$!" >"$dir/pid"
  echo began
else
  echo found
  cat "$dir/command"
fi
`;

/** State, then what was printed since the offset. */
const look = `
dir=$1
if [ ! -d "$dir" ]; then echo vanished
elif [ -f "$dir/exit" ]; then echo "ended $(cat "$dir/exit")"
elif [ ! -f "$dir/pid" ]; then echo starting
elif [ -f "$dir/boot" ] && [ "$(who -b 2>/dev/null)" != "$(cat "$dir/boot")" ]; then echo gone
elif kill -0 "$(cat "$dir/pid")" 2>/dev/null; then echo running
else echo gone
fi
[ -f "$dir/out" ] && tail -c "+$2" "$dir/out"
exit 0
`;

/** Moved away first: whoever else looks sees the whole folder or none. */
const finish = `cat "$1/err" 2>/dev/null; mv "$1" "$1.ended.$$" 2>/dev/null && rm -rf "$1.ended.$$"`;

export interface Lasting {
  /** Folder on the master for such work. */
  readonly folder: string;
  log(line: string): void;
  /** The longest time between two looks. */
  readonly everyMs?: number;
}

/** Starts the program, or finds it running, and follows it to its end. There is no way to stop it. */
export async function runLasting(
  login: Login,
  lasting: Lasting,
  key: string,
  program: string,
  args: readonly string[],
): Promise<Ran> {
  const dir = `${lasting.folder}/${key}`;
  const wanted = [program, ...args].join('\n');
  for (let tries = 0; tries < 3; tries += 1) {
    const began = await patiently(lasting, () => login.run('sh', ['-c', begin, 'sh', dir, program, ...args]));
    if (began.exit !== 0)
      throw new HostlerError(
        'failed_precondition',
        `The folder ${dir} for long work cannot be made on ${login.name}: ${began.stderr.trim()}`,
      );
    const [word = '', ...command] = began.stdout.trimEnd().split('\n');
    if (word === 'found') {
      if (command.join('\n') !== wanted) {
        await clearEnded(login, lasting, key, dir, command);
        continue;
      }
      lasting.log(`The work on ${key} was begun before and is found again on ${login.name}.`);
    }
    return follow(login, lasting, key, dir);
  }
  throw new HostlerError('aborted', `Others keep beginning work on ${key} on ${login.name}. Try again.`);
}

/** Work of another kind, whose end nobody asked for any more, makes room; as long as it goes on it does not. */
async function clearEnded(
  login: Login,
  lasting: Lasting,
  key: string,
  dir: string,
  command: readonly string[],
): Promise<void> {
  const seen = await patiently(lasting, () => login.run('sh', ['-c', look, 'sh', dir, '1']));
  const state = seen.stdout.split('\n')[0] ?? '';
  if (!state.startsWith('ended ') && state !== 'gone')
    throw new HostlerError(
      'aborted',
      `Other work is under way for ${key} on ${login.name}: ${command.join(' ')}. Try again when it has ended.`,
    );
  lasting.log(`Earlier work on ${key} (${command.join(' ')}) is over: ${state}.`);
  await patiently(lasting, () => login.run('sh', ['-c', finish, 'sh', dir]));
}

async function follow(login: Login, lasting: Lasting, key: string, dir: string): Promise<Ran> {
  let offset = 1;
  let stdout = '';
  let starting = 0;
  // Short work is not waited for long, and long work is not looked at too often.
  let wait = 20;
  for (;;) {
    const seen = await patiently(lasting, () => login.run('sh', ['-c', look, 'sh', dir, String(offset)]));
    const end = seen.stdout.indexOf('\n');
    const state = seen.stdout.slice(0, end);
    const printed = seen.stdout.slice(end + 1);
    offset += Buffer.byteLength(printed);
    stdout = (stdout + printed).slice(-(1 << 20));
    for (const line of printed.split('\n')) if (line.trim() !== '') lasting.log(line);
    if (state.startsWith('ended ')) {
      const { stdout: stderr } = await patiently(lasting, () => login.run('sh', ['-c', finish, 'sh', dir]));
      return { exit: Number(state.slice(6)), stdout, stderr };
    }
    if (state === 'vanished') {
      // Somebody else followed the same work, saw its end first and cleared the folder away. What came of it is what
      // the master shows, at which every caller looks next.
      lasting.log(`The work on ${key} was followed to its end by somebody else.`);
      return { exit: 0, stdout, stderr: '' };
    }
    starting = state === 'starting' ? starting + 1 : 0;
    if (state === 'gone' || starting > 30) {
      const { stdout: stderr } = await login.run('sh', ['-c', finish, 'sh', dir]);
      throw new HostlerError(
        'aborted',
        `The work on ${key} ended on ${login.name} without a result: its process was killed, or the machine was restarted. ${stderr.trim()}`.trim(),
      );
    }
    await sleep(wait);
    wait = Math.min(wait * 1.5, lasting.everyMs ?? 2_000);
  }
}

/** A lost connection is no lost work: look again until the master answers. Bounded by a day. */
async function patiently<T>(lasting: Lasting, ask: () => Promise<T>): Promise<T> {
  const until = Date.now() + 24 * 3_600_000;
  for (let wait = lasting.everyMs ?? 2_000; ; wait = Math.min(wait * 2, 60_000)) {
    try {
      return await ask();
    } catch (thrown) {
      const error = HostlerError.from(thrown);
      if (error.code !== 'unavailable' || Date.now() > until) throw error;
      lasting.log(`${error.message} The work there goes on; looking again in ${String(Math.round(wait / 1000))} s.`);
      await sleep(wait);
    }
  }
}
