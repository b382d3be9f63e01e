// bound: 120 s
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Command, commandsFor } from '../tools/commands.ts';
import { RealManager, dist } from '../tools/real-manager.ts';

let manager: RealManager;
let run: Command;
const folder = mkdtempSync(join(tmpdir(), 'hostler-cli-'));

beforeAll(async () => {
  manager = await RealManager.start();
  run = commandsFor(manager.env);
}, 30_000);

afterAll(async () => {
  await manager.dispose();
  rmSync(folder, { recursive: true, force: true });
});

describe('the commands, against a manager', () => {
  it('define and list, by their own name and through hostler', async () => {
    expect(await run('mkdef', ['-t', 'node', 'n01', 'groups=all,compute', 'mac=52:54:00:00:00:01'])).toMatchObject({
      exit: 0,
      stderr: '',
    });
    const own = await run('lsdef', ['-t', 'node', '-o', 'n01']);
    expect(own).toMatchObject({ exit: 0, stderr: '' });
    expect(own.stdout).toContain('Object name: n01');
    expect(await run('hostler', ['lsdef', '-t', 'node', '-o', 'n01'])).toEqual(own);
  });

  it('read stanzas from standard input and node ranges from files', async () => {
    const stanza = 'n10:\n    objtype=node\n    groups=all\nn11:\n    objtype=node\n    groups=all\n';
    expect(await run('mkdef', ['-z'], { input: stanza })).toMatchObject({ exit: 0 });
    const list = join(folder, 'nodes');
    writeFileSync(list, 'n10\n# no\nn11\n');
    expect((await run('nodels', [`^${list}`])).stdout).toBe('n10\nn11\n');
  });

  it('change nothing with --plan, and say what would change', async () => {
    const planned = await run('chdef', ['-t', 'node', '-o', 'n01', 'usercomment=rack 1', '--plan']);
    expect(planned).toMatchObject({ exit: 0 });
    expect(planned.stdout).toContain('rack 1');
    expect((await run('lsdef', ['n01', '-i', 'usercomment'])).stdout).not.toContain('rack 1');
  });

  it('answer with JSON where they print data', async () => {
    const { stdout, exit } = await run('lsdef', ['-t', 'node', '-o', 'n01', '--json']);
    expect(exit).toBe(0);
    expect(JSON.stringify(JSON.parse(stdout))).toContain('52:54:00:00:00:01');
    expect(JSON.parse((await run('hostler', ['status', '--json'])).stdout)).toMatchObject({ home: manager.home });
  });

  it('are completed in bash: names, groups, attributes, tables', async () => {
    await run('mkdef', ['-t', 'osimage', '-o', 'tabimage', 'imagetype=linux']);
    const offered = (line: string): string => {
      const words = line.split(' ');
      const script =
        `export PATH=${join(dist, 'bin')}:$PATH; source <(hostler completion bash); ` +
        `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${String(words.length - 1)}; _hostler; ` +
        'printf "%s " "${COMPREPLY[@]}"';
      const env = { ...process.env, ...manager.env };
      return spawnSync('bash', ['--norc', '-c', script], { env, encoding: 'utf8' }).stdout.trim();
    };
    for (const [line, offer] of [
      ['lsdef n0', 'n01'],
      ['nodels n01,com', 'n01,compute'],
      ['lsdef -t osimage -o tab', 'tabimage'],
      ['chdef n01 arc', 'arch='],
      ['hostler lsdef n01 -i gro', 'groups'],
      ['tabdump nodeli', 'nodelist'],
      ['nodels n01 nodehm.mg', 'nodehm.mgt'],
    ] as const) {
      // Who types does not wait long: on a busy machine nothing may be offered for a while.
      await expect.poll(() => offered(line), { timeout: 20_000, message: line }).toBe(offer);
    }
  });

  it('tell who changed what', async () => {
    const { stdout } = await run('hostler', ['history', 'node/n01']);
    expect(stdout).toMatch(/mkdef -t node n01/);
    expect(stdout).toContain('node n01 created');
  });

  it('leave secrets out of the history', async () => {
    await run('chdef', ['-t', 'node', '-o', 'n01', 'mgt=ipmi', 'bmcpassword=hunter2']);
    expect((await run('hostler', ['history'])).stdout).not.toContain('hunter2');
  });

  it('show changes as they are made', { timeout: 20_000 }, async () => {
    const watch = spawn(join(dist, 'bin/hostler'), ['watch', 'node', '--json'], {
      env: { ...process.env, ...manager.env },
    });
    // The watch may begin a moment after the first change: change until it was seen.
    let number = 0;
    const timer = setInterval(() => {
      number += 1;
      void run('chdef', ['-t', 'node', '-o', 'n10', `usercomment=change ${String(number)}`]);
    }, 500);
    try {
      const [data] = (await once(watch.stdout, 'data')) as [Buffer];
      expect(data.toString()).toMatch(/"name":"n10"/);
    } finally {
      clearInterval(timer);
      watch.kill('SIGKILL');
    }
  });
});

describe('what can go wrong', () => {
  it('is told with what to do when nobody answers', async () => {
    const nobody = await run('lsdef', ['n01'], { env: { HOSTLER_HOME: folder } });
    expect(nobody.exit).toBe(1);
    expect(nobody.stderr).toContain(`No manager answers at ${folder}/manager.sock. Start one with`);
    const remote = await run('lsdef', ['n01'], { env: { HOSTLER_MANAGER: 'localhost:1', HOSTLER_IDENTITY: folder } });
    expect(remote.stderr).toContain(`${folder}/authority.pem cannot be read`);
    expect((await run('lsdef', [], { env: { HOSTLER_MANAGER: 'nonsense' } })).exit).not.toBe(-1);
  });

  it('is a wrong option: exit 1; help and version need nobody: exit 0', async () => {
    const env = { HOSTLER_HOME: folder };
    expect(await run('lsdef', ['--nosuch'], { env })).toMatchObject({ exit: 1, stdout: '' });
    expect(await run('lsdef', ['--help'], { env })).toMatchObject({ exit: 0, stderr: '' });
    expect((await run('hostler', ['undo', '--help'], { env })).stdout).toContain('Usage: hostler undo REVISION');
    expect((await run('nodels', ['--version'], { env })).stdout).toMatch(/^Version \d/);
    expect(await run('hostler', ['nosuch'], { env })).toMatchObject({ exit: 1 });
    expect((await run('hostler', ['histroy'], { env })).stderr).toContain("Did you mean 'history'?");
    expect((await run('hostler', ['import', 'canteen', 'x'], { env })).stderr).toContain('Usage: hostler import xcat');
  });

  it('is a reader that leaves: no complaint', async () => {
    const stanza = Array.from(
      { length: 3000 },
      (_, index) => `m${String(index)}:\n    objtype=node\n    groups=many\n`,
    ).join('');
    expect((await run('mkdef', ['-z'], { input: stanza })).exit).toBe(0);
    const child = spawn(join(dist, 'bin/lsdef'), ['-t', 'node', '-l'], {
      env: { ...process.env, ...manager.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const errors: Buffer[] = [];
    child.stderr.on('data', (piece: Buffer) => errors.push(piece));
    await once(child.stdout, 'data');
    child.stdout.destroy();
    await once(child, 'close');
    expect(Buffer.concat(errors).toString()).toBe('');
  });

  it('is a manager that was killed: the next command says so, and works when it is back', async () => {
    await manager.kill();
    expect((await run('lsdef', ['n01'])).stderr).toContain('No manager answers');
    await manager.up();
    expect((await run('lsdef', ['n01'])).stdout).toContain('Object name: n01');
  });
});
