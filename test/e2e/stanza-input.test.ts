// bound: 180 s
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Command, type Ended, commandsFor } from '../tools/commands.ts';
import { RealManager, dist } from '../tools/real-manager.ts';
import { nodeStanzas } from '../tools/stanzas.ts';

let manager: RealManager;
let run: Command;

beforeEach(async () => {
  manager = await RealManager.start();
  run = commandsFor(manager.env);
}, 30_000);

afterEach(() => manager.dispose());

/** mkdef -z with an input that is made while it is read. */
async function mkdef(pieces: Iterable<string>): Promise<Ended> {
  const child = spawn(join(dist, 'bin/mkdef'), ['-z'], { env: { ...process.env, ...manager.env }, timeout: 90_000 });
  const text = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (piece: string) => (text.stdout += piece));
  child.stderr.setEncoding('utf8').on('data', (piece: string) => (text.stderr += piece));
  const closed = once(child, 'close');
  // A command that has read enough leaves; that its input was not read to the end is no fault.
  await pipeline(Readable.from(pieces), child.stdin).catch(() => undefined);
  const [code] = (await closed) as [number | null];
  return { exit: code ?? -1, ...text };
}

/** The most memory that the manager ever had, in MiB. */
function peak(): number {
  const status = readFileSync(`/proc/${String(manager.pid)}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? Number.NaN) / 1024;
}

describe('a stanza file on standard input', () => {
  it('of 100 MB streams: nobody holds it whole', { timeout: 120_000 }, async () => {
    const comment = `# ${'rack by rack '.repeat(75)}\n`.repeat(100);
    function* file(): Generator<string> {
      for (let part = 0; part < 1000; part += 1) {
        yield comment;
        yield `p${String(part)}:\n    objtype=node\n    groups=all\n    usercomment=${'x'.repeat(2000)}\n`;
      }
    }
    let size = 0;
    for (const piece of file()) size += piece.length;
    expect(size).toBeGreaterThan(99_000_000);
    expect(await mkdef(file())).toEqual({
      exit: 0,
      stdout: '1000 object definitions have been created or modified.\n',
      stderr: '',
    });
    expect(peak()).toBeLessThan(300);
    const shown = await run('lsdef', ['p999', '-i', 'usercomment']);
    expect(shown.stdout).toContain(`usercomment=${'x'.repeat(2000)}\n`);
  });

  it(
    'with a line that does not end is refused while it is read, and changes nothing',
    { timeout: 60_000 },
    async () => {
      function* endless(): Generator<string> {
        yield 'n1:\n  objtype=node\n  groups=all\n';
        // Far beyond every bound; nobody reads so far.
        for (let part = 0; part < 20_000; part += 1) yield 'x'.repeat(100_000);
      }
      const refused = await mkdef(endless());
      expect(refused).toMatchObject({ exit: 1, stdout: '' });
      expect(refused.stderr).toContain('Line 4 of the stanza file is longer than 1000000 characters');
      expect((await run('lsdef', ['n1'])).exit).toBe(1);
    },
  );
});

/** Bytes that the registry's database has on the disk. */
function registryBytes(): number {
  const folder = join(manager.home, 'registry');
  return readdirSync(folder)
    .filter((name) => /\.(log|ldb)$/.test(name))
    .reduce((sum, name) => sum + (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0), 0);
}

async function until(met: () => boolean): Promise<void> {
  const late = Date.now() + 30_000;
  while (!met() && Date.now() < late) await turn();
}

describe('a manager that is killed while 10,000 nodes are defined', () => {
  const count = 10_000;
  const input = nodeStanzas(count);

  // Bytes by which the database has grown when the blow falls: before the write, at its beginning, amid it, at its end.
  it.each([0, 1, 1_500_000, 4_500_000])(
    'has all of them or none afterwards: killed after %i bytes',
    { timeout: 60_000 },
    async (bytes) => {
      const before = registryBytes();
      let left = false;
      const asked = run('mkdef', ['-z'], { input }).finally(() => (left = true));
      if (bytes === 0) await until(() => left || readFileSync(manager.log, 'utf8').includes('"command":"mkdef'));
      else await until(() => left || registryBytes() >= before + bytes);
      await manager.kill();
      const { exit } = await asked;
      await manager.up();
      const names = (await run('nodels')).stdout.split('\n').filter((name) => name !== '');
      expect([0, count]).toContain(names.length);
      if (exit === 0) expect(names.length).toBe(count);
      // What the history says agrees with what is there.
      const { stdout } = await run('hostler', ['history', 'node/node005000']);
      expect(stdout.includes('mkdef')).toBe(names.length === count);
    },
  );
});
