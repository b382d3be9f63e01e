import { mkdtempSync, readdirSync, rmSync, openSync, closeSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HostlerError } from '../../../../shared/errors/error.ts';
import { isAlive } from '../../../../shared/process/alive.ts';
import { processFailure } from '../../../../shared/process/failure.ts';
import { run } from '../../../../shared/process/run.ts';

const node = (script: string, ...rest: string[]): [string, string[]] => [process.execPath, ['-e', script, ...rest]];

async function refusal(promise: Promise<unknown>): Promise<HostlerError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof HostlerError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

async function until(what: () => boolean): Promise<void> {
  for (let i = 0; i < 500; i += 1) {
    if (what()) return;
    await new Promise((done) => setTimeout(done, 10));
  }
  throw new Error(`not within 5 s: ${what.toString()}`);
}

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hostler-process-'));
});
afterEach(() => {
  delete process.env['HOSTLER_TASK_DIR'];
  rmSync(dir, { recursive: true, force: true });
});

describe('run', () => {
  test('hands arguments on as they are, with no shell between', async () => {
    const hostile = ['$(touch x)', '; rm -rf /', 'a b', "'", '\n', '*'];
    const { stdout, exit } = await run(...node('console.log(JSON.stringify(process.argv.slice(1)))', ...hostile));
    expect(JSON.parse(stdout)).toEqual(hostile);
    expect(exit).toBe(0);
  });

  test('input from a string, bytes and a stream; lines come whole and in order', async () => {
    for (const input of [
      'one\ntwo\r\nthree',
      Buffer.from('one\ntwo\r\nthree'),
      Readable.from(['on', 'e\ntwo\r', '\nthree']),
    ]) {
      const lines: string[] = [];
      const result = await run('cat', [], { input, onLine: (line, from) => lines.push(`${from}:${line}`) });
      expect(lines).toEqual(['out:one', 'out:two', 'out:three']);
      expect(result.stdout).toBe('one\ntwo\r\nthree');
    }
  });

  test('a program that does not read its input is judged by its exit code', async () => {
    await expect(run('true', [], { input: 'x'.repeat(1 << 20) })).resolves.toMatchObject({ exit: 0 });
  });

  test('output is bounded, head and tail kept', async () => {
    const { stdout, leftOut } = await run(...node("process.stdout.write('H'+'x'.repeat(300000)+'T')"), {
      keepBytes: 1000,
    });
    expect(stdout.startsWith('Hx')).toBe(true);
    expect(stdout.endsWith('xT')).toBe(true);
    expect(stdout.length).toBeLessThan(1100);
    expect(leftOut).toBe(300_002 - 1000);
  });

  test('failure: reason first, the last meaningful lines, control characters escaped', async () => {
    const error = await refusal(
      run('sh', ['-c', 'echo "Reading lists" >&2; printf "E: no \\033[31mpackage\\033[0m\\n\\n" >&2; exit 25']),
    );
    expect(error.message).toBe('sh exited with 25: E: no \\x1b[31mpackage\\x1b[0m');
    expect(processFailure(error)).toMatchObject({ exit: 25, endedBy: null });
    expect((await refusal(run('sh', ['-c', 'kill -9 $$']))).message).toMatch(/^sh was ended by SIGKILL/);
  });

  test('exit codes that are allowed are results', async () => {
    expect((await run('sh', ['-c', 'exit 24'], { allowExit: [23, 24] })).exit).toBe(24);
    expect((await run('sh', ['-c', 'kill -15 $$'], { allowExit: 'any' })).exit).toBe(143);
    await refusal(run('sh', ['-c', 'exit 22'], { allowExit: [23, 24] }));
  });

  test('a missing program names the package, a missing folder the folder', async () => {
    const missing = await refusal(run('hostler-no-such-program', []));
    expect(missing.code).toBe('failed_precondition');
    expect(missing.message).toMatch(/^program hostler-no-such-program is not installed: install /);
    expect((await refusal(run('true', [], { cwd: join(dir, 'gone') }))).message).toContain('no such folder');
  });

  test('the deadline stops a whole group that ignores the polite signal', async () => {
    const script = 'trap "" TERM; (trap "" TERM; echo $$; sleep 600) & echo "child $!"; wait';
    const pids: number[] = [];
    const error = await refusal(
      run('sh', ['-c', script], {
        timeoutMs: 300,
        graceMs: 100,
        onLine: (line) => pids.push(...(/child (\d+)/.exec(line)?.slice(1).map(Number) ?? [])),
      }),
    );
    expect(error.code).toBe('deadline_exceeded');
    expect(pids).toHaveLength(1);
    await until(() => pids.every((pid) => !isAlive(pid)));
  });

  test('cancelling: polite first, the reason of the signal is what is thrown', async () => {
    const controller = new AbortController();
    const said: string[] = [];
    const promise = run('sh', ['-c', 'trap "echo bye; exit 0" TERM; echo up; while :; do sleep 0.05; done'], {
      signal: controller.signal,
      onLine: (line) => {
        said.push(line);
        if (line === 'up') controller.abort(new HostlerError('cancelled', 'the administrator cancelled job 7'));
      },
    });
    expect((await refusal(promise)).message).toBe('the administrator cancelled job 7');
    expect(said).toContain('bye');
    expect((await refusal(run('true', [], { signal: controller.signal }))).code).toBe('cancelled');
  });

  test('a grandchild that keeps the output open does not hang it, and lives on', async () => {
    const { stdout } = await run('sh', ['-c', 'sleep 30 & echo $!']);
    const grandchild = Number(stdout);
    expect(isAlive(grandchild)).toBe(true);
    process.kill(grandchild);
    const ended = await run('sh', ['-c', 'sleep 30 & echo $!'], { endGroup: true });
    await until(() => !isAlive(Number(ended.stdout)));
  });

  test('an exception in onLine stops the program and comes out', async () => {
    const error = await refusal(
      run('sh', ['-c', 'echo x; sleep 60'], {
        onLine: () => {
          throw new HostlerError('data_loss', 'I do not like this line');
        },
      }),
    );
    expect(error.message).toBe('I do not like this line');
  });

  test('the environment is added to, or starts empty', async () => {
    process.env['HOSTLER_TEST_LEAK'] = 'yes';
    const seen = await run('env', [], { env: { SECRET: 's', HOSTLER_TEST_LEAK: undefined } });
    expect(seen.stdout).toContain('SECRET=s');
    expect(seen.stdout).not.toContain('HOSTLER_TEST_LEAK');
    const bare = await run('env', [], { inheritEnv: false, env: { A: '1' } });
    delete process.env['HOSTLER_TEST_LEAK'];
    expect(bare.stdout.split('\n').filter((l) => l !== '' && !l.startsWith('PATH='))).toEqual(['A=1']);
  });

  test('standard output can go to a file', async () => {
    const fd = openSync(join(dir, 'out'), 'w');
    await run('echo', ['to the file'], { stdoutTo: fd });
    closeSync(fd);
    expect(readFileSync(join(dir, 'out'), 'utf8')).toBe('to the file\n');
  });

  test('a running program is noted under its task, and no longer when it ended', async () => {
    process.env['HOSTLER_TASK_DIR'] = dir;
    let during: string[] = [];
    await run('sh', ['-c', 'echo up; read x || true'], {
      input: Readable.from(['\n']),
      onLine: () => (during = readdirSync(join(dir, 'children'))),
    });
    expect(during).toHaveLength(1);
    expect(readdirSync(join(dir, 'children'))).toEqual([]);
  });
});
