// bound: 180 s
import { mkdtempSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { commandsFor } from '../tools/commands.ts';
import { RealManager } from '../tools/real-manager.ts';

/* A site moves in: its dump, killed half-way, taken back; then the hosts file, written by a real agent. */

let folder: string;
const managers: RealManager[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hostler-moving-'));
});
afterEach(async () => {
  for (const manager of managers.splice(0)) await manager.dispose();
  rmSync(folder, { recursive: true, force: true });
});

async function manager(args?: readonly string[]): Promise<RealManager> {
  const started = await RealManager.start(args);
  managers.push(started);
  return started;
}

/** A dump of so many nodes, as the original writes it, with a table and a column that nobody knows. */
function dump(count: number): string {
  const path = join(folder, 'site');
  mkdirSync(path, { recursive: true });
  const nodes = Array.from({ length: count }, (_, at) => `n${at}`);
  const rows = (make: (node: string, at: number) => string): string => nodes.map(make).join('\n');
  writeFileSync(join(path, 'nodelist.csv'), `#node,groups,colour\n${rows((n) => `"${n}","all,compute","blue"`)}\n`);
  const address = (at: number): string => `10.${at >> 16}.${(at >> 8) & 255}.${at & 255}`;
  writeFileSync(join(path, 'hosts.csv'), `#node,ip\n${rows((n, at) => `"${n}","${address(at)}"`)}\n`);
  writeFileSync(join(path, 'canteen.csv'), '#dish,price\n"soup","2"\n');
  return path;
}

function filesOf(path: string): Record<string, string> {
  return Object.fromEntries(readdirSync(path).map((name) => [name, readFileSync(join(path, name), 'utf8')]));
}

describe('moving in', () => {
  test('a manager killed while it takes in ten thousand nodes has all of them or none', async () => {
    const path = dump(10_000);
    const one = await manager();
    const run = commandsFor(one.env);
    const seen = new Set<number>();
    for (const wait of [150, 400, 900]) {
      const importing = run('hostler', ['import', 'xcat', path, '--yes']);
      await delay(wait);
      await one.kill();
      await importing;
      await one.up();
      const { stdout } = await run('nodels', []);
      seen.add(stdout.split('\n').filter((line) => line !== '').length);
    }
    expect([0, 10_000]).toEqual(expect.arrayContaining([...seen]));
  });

  test('in, out, in and out again: the same bytes; and all of it taken back', async () => {
    const path = dump(300);
    const [first, second] = [await manager(), await manager()];
    const run = commandsFor(first.env);
    const looked = await run('hostler', ['import', 'xcat', path, '--plan']);
    expect(looked.stdout).toContain('New:\n    300 nodes\n');
    expect(looked.stdout).toContain('    the table canteen (1 row)\n    the column nodelist.colour\n');
    expect((await run('nodels', [])).stdout).toBe('');
    const took = await run('hostler', ['import', 'xcat', path]);
    expect([took.exit, took.stderr]).toEqual([0, '']);
    await run('dumpxCATdb', ['-p', join(folder, 'out1')]);
    const out1 = filesOf(join(folder, 'out1'));
    expect(out1['canteen.csv']).toBe('#dish,price\n"soup","2"\n');
    expect(out1['nodelist.csv']).toContain('"n7","all,compute",,,,,,,,,,,,"blue"\n');
    const other = commandsFor(second.env);
    expect((await other('restorexCATdb', ['-p', join(folder, 'out1')])).exit).toBe(0);
    await other('dumpxCATdb', ['-p', join(folder, 'out2')]);
    expect(filesOf(join(folder, 'out2'))).toEqual(out1);
    const history = await run('hostler', ['history', '-n', '1', '--json']);
    const revision = /"revision":"?(\d+)/.exec(history.stdout)?.[1] ?? '';
    expect(history.stdout).not.toContain('blue');
    const undone = await run('hostler', ['undo', revision]);
    expect([undone.exit, undone.stderr]).toEqual([0, '']);
    expect((await run('nodels', [])).stdout).toBe('');
    expect((await run('hostler', ['diff', String(Number(revision) - 1)])).stdout).toBe('');
  });

  test('makehosts by a real agent leaves the lines of others alone', async () => {
    const hosts = join(folder, 'hosts');
    writeFileSync(hosts, '127.0.0.1 localhost\n# mine');
    const one = await manager(['--hosts-file', hosts, '--agent-roles', 'boot,store']);
    const run = commandsFor(one.env);
    await run('mkdef', ['-t', 'node', 'n[1-3]', 'groups=all', 'ip=|n(\\d+)|10.0.0.($1)|']);
    let made = await run('makehosts', ['-n']);
    for (let tries = 0; made.exit !== 0 && tries < 40; tries += 1) {
      await delay(250);
      made = await run('makehosts', ['-n']);
    }
    expect([made.exit, made.stdout]).toEqual([0, '']);
    await run('makehosts', ['-d', 'n2']);
    expect(readFileSync(hosts, 'utf8')).toMatch(
      /^127.0.0.1 localhost\n# mine\n# BEGIN hostler.*\n10.0.0.1 n1.*\n10.0.0.3 n3.*\n# END hostler\n$/,
    );
    await run('makehosts', ['-d']);
    expect(readFileSync(hosts, 'utf8')).toBe('127.0.0.1 localhost\n# mine\n');
  });
});
