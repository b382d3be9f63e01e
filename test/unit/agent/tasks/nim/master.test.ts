import { describe, expect, test } from 'vitest';
import type { Login, Ran } from '../../../../../agent/tasks/nim/login/index.ts';
import { NimMaster } from '../../../../../agent/tasks/nim/master.ts';
import { lastMessageId } from '../../../../../agent/tasks/nim/messages.ts';
import { parseStanzas } from '../../../../../agent/tasks/nim/objects.ts';
import { ensureResource } from '../../../../../agent/tasks/nim/resources.ts';

/** A master that gives these answers to these lines. */
function answering(answers: Readonly<Record<string, Partial<Ran>>>): {
  master: NimMaster;
  lines: string[];
  log: string[];
} {
  const lines: string[] = [];
  const log: string[] = [];
  const login: Login = {
    name: 'aixmn',
    isHere: true,
    run(program, args) {
      const line = [program, ...args].join(' ');
      lines.push(line);
      return Promise.resolve({ exit: 0, stdout: '', stderr: '', ...answers[line] });
    },
  };
  return { master: new NimMaster(login, { folder: '/work', log: (text) => log.push(text) }), lines, log };
}

const wrapped =
  '0042-001 nim: processing error encountered on "master":\n   0042-061 m_rmpdir: the "71lpp" resource is currently\n      allocated for client use\n';

describe('what lsnim says', () => {
  test('absent is what NIM says, never an exit code', async () => {
    const absent = { stderr: '0042-053 lsnim: there is no NIM object named "x"\n' };
    for (const exit of [1, 53, 2])
      expect(await answering({ 'lsnim -l x': { ...absent, exit } }).master.show('x')).toBeUndefined();
    for (const stderr of ['', 'lsnim: not found', '0042-006 lsnim: (To_Master) connect Error'])
      await expect(answering({ 'lsnim -l x': { exit: 53, stderr } }).master.show('x')).rejects.toMatchObject({
        code: 'failed_precondition',
      });
  });

  test('values hold blanks, colons and equal signs; a type that is allocated twice has two; errors have lines', () => {
    const [node, next] = parseStanzas(
      'node01:\n   class       = machines\n   type        = standalone\n   info        = Restoring : a=b\n   script      = s1\n   script      = s2\n   err_info    = 0042-175 c_x: said:\n      no such host\n   Mstate      = \nn2:\n   type = x\n',
    );
    expect(node?.attributes.get('info')).toEqual(['Restoring : a=b']);
    expect(node?.attributes.get('script')).toEqual(['s1', 's2']);
    expect(node?.attributes.get('err_info')).toEqual(['0042-175 c_x: said:\nno such host']);
    expect(node?.attributes.get('Mstate')).toEqual(['']);
    expect(next?.name).toBe('n2');
  });
});

describe('what nim says', () => {
  test('an error tells everything', async () => {
    const { master } = answering({ 'nim -o remove 71lpp': { exit: 1, stderr: wrapped } });
    const thrown: unknown = await master.nim('remove', '71lpp').catch((error: unknown) => error);
    expect(thrown).toMatchObject({
      message:
        '"nim -o remove 71lpp" failed for 71lpp: 0042-001 nim: processing error encountered on "master": 0042-061 m_rmpdir: the "71lpp" resource is currently allocated for client use',
    });
    expect(thrown).toMatchObject({ cause: { id: '0042-061', command: 'nim -o remove 71lpp', object: '71lpp' } });
  });

  test('the cause is the last number, however deep', () => {
    expect(lastMessageId(`${wrapped}      0042-154 c_stat: x`)).toBe('0042-154');
    expect(lastMessageId('no number 0042')).toBeUndefined();
  });

  test('an exit of 0 is not success', async () => {
    const state = 'r1:\n   class = resources\n   type = root\n   location = /r/r1\n   Rstate = unavailable for use\n';
    let looks = 0;
    const { master, lines } = answering({});
    const original = master.login.run.bind(master.login);
    Object.assign(master.login, {
      run: async (program: string, args: readonly string[]): Promise<Ran> => {
        const ran = await original(program, args);
        if (program !== 'lsnim') return ran;
        looks += 1;
        return looks === 1
          ? { exit: 53, stdout: '', stderr: '0042-053 lsnim: there is no NIM object named "r1"' }
          : { exit: 0, stdout: state, stderr: '' };
      },
    });
    const spec = { type: 'root', name: 'r1', make: { location: '/r/r1', attributes: [] } };
    await expect(ensureResource(master, spec)).rejects.toMatchObject({
      message: expect.stringContaining('not ready') as string,
    });
    expect(lines).toContain('nim -o define -t root -a server=master -a location=/r/r1 r1');
  });

  test('a warning stands in the log', async () => {
    const stderr = '0042-006 m_bos_inst: warning: (From_Master) connect Error 79\n';
    const { master, log } = answering({ 'nim -o bos_inst n1': { stderr } });
    await master.nim('bos_inst', 'n1');
    expect(log).toEqual([stderr.trim()]);
  });
});
