/*
 * Manager, agent, commands and image tools, all real; each is killed where it hurts. bound: 600 s
 * The tools are recorded (test/lab/recorded.ts): what must not run twice is counted, and windows are held open.
 */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BlobStore } from '../../agent/store/blobs.ts';
import { mountsBelow } from '../../agent/tasks/image-tree/folder.ts';
import { eventually } from '../../deploy/lab/wait.ts';
import { run } from '../../shared/process/run.ts';
import { which } from '../../shared/process/which.ts';
import { RealAgent } from '../lab/real-agent.ts';
import { RecordedPrograms } from '../lab/recorded.ts';
import { type Command, type Ended, commandsFor } from '../tools/commands.ts';
import { RealManager } from '../tools/real-manager.ts';

const why =
  process.getuid?.() === 0
    ? ['mmdebstrap', 'mksquashfs', 'zstd'].find((program) => which(program) === undefined)
    : 'root';

describe.skipIf(why !== undefined)(why === undefined ? 'a bad day' : `a bad day (needs ${why})`, () => {
  const image = 'bad-day';
  let dir = '';
  let folder = '';
  let manager: RealManager;
  let agent: RealAgent;
  let command: Command;
  let tools: RecordedPrograms;

  const long = { timeoutMs: 240_000 };
  const genimage = (...options: string[]): Promise<Ended> => command('genimage', [...options, image], long);
  const packimage = (): Promise<Ended> => command('packimage', [image], long);
  const file = (name: string, text: string, mode = 0o644): string => {
    const path = join(dir, name);
    writeFileSync(path, text);
    chmodSync(path, mode);
    return path;
  };
  const script = (name: string, ...lines: string[]): string => file(name, `#!/bin/sh\n${lines.join('\n')}\n`, 0o755);
  const define = async (...attributes: string[]): Promise<void> => {
    expect(await command('chdef', ['-t', 'osimage', '-o', image, ...attributes])).toMatchObject({ exit: 0 });
  };
  /** Digest of the image that nodes get. */
  const current = async (): Promise<string> => {
    const { stdout } = await command('lsdef', ['-t', 'osimage', '-o', image, '--json']);
    return (JSON.parse(stdout) as { state?: Record<string, string> }).state?.['hostler.current'] ?? '';
  };
  const lastJob = async (): Promise<{ id: string; state: string; exit: number }> => {
    const { stdout } = await command('hostler', ['jobs', '--json', '--limit', '1']);
    const [job] = JSON.parse(stdout) as { id: string; state: string; exit: number }[];
    if (job === undefined) throw new Error('there is no job');
    return job;
  };
  const inWork = (): Promise<string> =>
    eventually('a task is under way', () => (agent.task()?.start() === undefined ? undefined : agent.task()?.dir), {
      timeoutMs: 60_000,
    });
  const logSays = (words: RegExp): Promise<true> =>
    eventually(
      `the task's log says ${String(words)}`,
      () => {
        const log = agent.task()?.log;
        return (log !== undefined && existsSync(log) && words.test(readFileSync(log, 'utf8'))) || undefined;
      },
      { timeoutMs: 120_000, everyMs: 20 },
    );
  const called = (program: string): Promise<true> =>
    eventually(`${program} is called`, () => tools.calls(program) > 0 || undefined, { timeoutMs: 60_000, everyMs: 20 });
  /** No process, no mount, nothing half-made. */
  const nothingLeft = async (): Promise<void> => {
    await eventually('the programs of the task are gone', () => agent.taskProcesses().length === 0, {
      timeoutMs: 20_000,
    });
    expect(await mountsBelow(folder)).toEqual([]);
    expect(readdirSync(folder).filter((name) => /^rootimg\.(?!sfs$)|\.new-/.test(name))).toEqual([]);
  };

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'hostler-bad-'));
    folder = join(dir, 'image');
    tools = new RecordedPrograms(join(dir, 'tools'), ['mmdebstrap', 'mksquashfs']);
    manager = await RealManager.start();
    command = commandsFor(manager.env);
    const home = join(dir, 'agent');
    // Apart, so that it alone can be full.
    mkdirSync(join(home, 'store'), { recursive: true, mode: 0o700 });
    await run('mount', ['-t', 'tmpfs', '-o', 'size=400m,mode=700', 'hostler-test', join(home, 'store')]);
    agent = new RealAgent(manager, command, {
      home,
      name: 'builder',
      roles: 'build,store',
      env: { PATH: `${tools.bin}:${process.env['PATH'] ?? ''}` },
    });
    await agent.up();
    const attributes = {
      imagetype: 'linux',
      osname: 'Linux',
      osvers: 'debian12',
      osarch: 'x86_64',
      profile: 'compute',
      provmethod: 'netboot',
      pkglist: file('pkglist', 'less\n'),
      // What is packed is small: the packing is not what takes time here.
      exlist: file('exlist', './usr/*\n+./usr/sbin*\n+./usr/lib\n+./usr/lib/systemd\n+./usr/lib/systemd/systemd\n'),
      rootimgdir: folder,
    };
    const words = Object.entries(attributes).map(([name, value]) => `${name}=${value}`);
    expect(await command('mkdef', ['-t', 'osimage', '-o', image, ...words])).toMatchObject({ exit: 0, stderr: '' });
  }, 60_000);

  afterAll(async () => {
    await agent.dispose();
    await manager.dispose();
    await run('umount', ['-l', join(dir, 'agent', 'store')], { allowExit: 'any' });
    rmSync(dir, { recursive: true, force: true });
  });

  describe('of the manager', () => {
    it('killed in the middle of genimage: the build goes on, and the command that followed gets its end', async () => {
      const asked = genimage();
      await logSays(/^Unpacking /m);
      await manager.kill();
      await manager.up();
      const { exit, stderr } = await asked;
      expect(exit, stderr).toBe(0);
      expect(stderr).toContain('The manager went away.');
      expect(stderr).toContain('The manager is back.');
      expect(tools.calls('mmdebstrap')).toBe(1);
      expect(await lastJob()).toMatchObject({ state: 'done', exit: 0 });
      await nothingLeft();
    }, 240_000);

    it('killed in the middle of packimage: packed once, and published', async () => {
      tools.hold('mksquashfs');
      const asked = packimage();
      await called('mksquashfs');
      await manager.kill();
      await manager.up();
      tools.letGo('mksquashfs');
      const { exit, stderr } = await asked;
      expect(exit, stderr).toBe(0);
      expect(tools.calls('mksquashfs')).toBe(1);
      expect(await current()).toMatch(/^[0-9a-f]{64}$/);
      await nothingLeft();
    }, 120_000);

    it.each(['has not heard', 'may just have heard'])(
      'killed between report and commit, when it %s of the result: nothing is packed again, the result is not lost',
      async (when) => {
        tools.forget();
        tools.hold('mksquashfs');
        const before = await current();
        writeFileSync(join(folder, 'rootimg/etc/motd'), `packed when the manager ${when}\n`);
        const asked = packimage();
        const task = await inWork();
        await called('mksquashfs');
        if (when === 'has not heard') process.kill(manager.pid, 'SIGSTOP');
        tools.letGo('mksquashfs');
        await eventually('the result is there', () => existsSync(join(task, 'result.json')) || !existsSync(task), {
          timeoutMs: 60_000,
          everyMs: 2,
        });
        await manager.kill();
        await manager.up();
        const { exit, stderr } = await asked;
        expect(exit, stderr).toBe(0);
        expect(tools.calls('mksquashfs')).toBe(1);
        const after = await current();
        expect(after).toMatch(/^[0-9a-f]{64}$/);
        expect(after).not.toBe(before);
        await eventually('the task is forgotten', () => !existsSync(task), { timeoutMs: 20_000 });
      },
      120_000,
    );
  });

  describe('of the agent', () => {
    it('killed in the middle of genimage: the build goes on, is found again, and reports', async () => {
      tools.forget();
      const [running, runs] = [join(dir, 'running'), join(dir, 'runs')];
      const post = script(
        'post',
        `echo run >>${runs}`,
        `touch ${running}`,
        `while [ -e ${running} ]; do sleep 0.1; done`,
      );
      await define(`postinstall=${post}`);
      const asked = genimage();
      await eventually('the build runs its script', () => existsSync(running), long);
      const pid = agent.task()?.start()?.pid ?? 0;
      await agent.kill();
      expect(existsSync(`/proc/${String(pid)}`)).toBe(true);
      await agent.up();
      expect(existsSync(`/proc/${String(pid)}`)).toBe(true);
      rmSync(running);
      const { exit, stderr } = await asked;
      expect(exit, stderr).toBe(0);
      expect(readFileSync(runs, 'utf8')).toBe('run\n');
      expect(tools.calls('mmdebstrap')).toBe(0);
      await nothingLeft();
    }, 180_000);

    it("kill -9 of the task's process: failed with reason and log, nothing left behind, the next genimage works", async () => {
      writeFileSync(join(folder, 'rootimg/etc/motd'), 'of the earlier tree\n');
      await define('postinstall=');
      const asked = genimage('--fresh');
      await logSays(/^Unpacking /m);
      expect(agent.taskProcesses().length).toBeGreaterThan(1);
      process.kill(agent.task()?.start()?.pid ?? 0, 'SIGKILL');
      const { exit, stderr } = await asked;
      expect(exit).not.toBe(0);
      expect(stderr).toContain('SIGKILL');
      const job = await lastJob();
      expect(job.state).toBe('failed');
      expect((await command('hostler', ['job', job.id])).stdout).toContain('SIGKILL');
      expect((await command('hostler', ['job', job.id, '--log'])).stdout).toMatch(/^Unpacking /m);
      await nothingLeft();
      expect(readFileSync(join(folder, 'rootimg/etc/motd'), 'utf8')).toBe('of the earlier tree\n');
      const next = await genimage();
      expect(next.exit, next.stderr).toBe(0);
      await nothingLeft();
    }, 180_000);

    it('its disk full while it packs: said so, and the earlier image is there, current and whole', async () => {
      const before = await current();
      writeFileSync(join(folder, 'rootimg/etc/motd'), 'does not fit\n');
      const store = join(agent.home, 'store');
      const { bavail, bsize } = await statfs(store);
      const filler = join(store, 'filler');
      writeFileSync(filler, Buffer.alloc(bavail * bsize - 8 * bsize));
      const failed = await packimage();
      rmSync(filler);
      expect(failed.exit).not.toBe(0);
      expect(failed.stderr).toMatch(/No room for .*Free some space/);
      expect(await current()).toBe(before);
      expect(await new BlobStore(agent.home).verify(before)).toBe(true);
      await nothingLeft();
      const next = await packimage();
      expect(next.exit, next.stderr).toBe(0);
      expect(await current()).not.toBe(before);
    }, 120_000);
  });

  describe('of the one who asks', () => {
    const fails = async (asked: Promise<Ended>, ...words: string[]): Promise<void> => {
      const { exit, stdout, stderr } = await asked;
      expect(exit, stdout).not.toBe(0);
      for (const word of words) expect(stderr).toContain(word);
    };

    it('a package that does not exist, a list that cannot be read: named, and the tree stays', async () => {
      await define(`pkglist=${file('bad.pkglist', 'less\nno-such-package-here\n')}`);
      await fails(genimage(), 'no-such-package-here');
      await define(`pkglist=${join(dir, 'nosuch.pkglist')}`);
      await fails(genimage(), join(dir, 'nosuch.pkglist'));
      await define(`pkglist=${dir}`);
      await fails(genimage(), dir);
      await define(`pkglist=${join(dir, 'pkglist')}`);
      expect(existsSync(join(folder, 'rootimg/etc/motd'))).toBe(true);
      await nothingLeft();
    }, 60_000);

    it('a tool that is not installed is named, with what to do', async () => {
      await agent.kill('SIGTERM');
      rmSync(join(tools.bin, 'mksquashfs'));
      const hide = `mount --bind /dev/null ${which('mksquashfs') ?? ''} && exec "$@"`;
      await agent.up(['unshare', '--mount', 'sh', '-c', hide, 'sh']);
      await fails(packimage(), 'mksquashfs', 'install package squashfs-tools');
    }, 60_000);

    it('no agent with the role: the role is named', async () => {
      await agent.kill('SIGTERM');
      await eventually('the manager knows that it left', async () => !(await agent.connected()), {
        timeoutMs: 60_000,
        everyMs: 200,
      });
      await fails(genimage(), 'build');
      await command('mkdef', ['-t', 'node', '-o', 'n01', 'groups=all', 'arch=x86_64', 'mac=52:54:00:00:00:01']);
      await fails(command('nodeset', ['n01', `osimage=${image}`]), 'boot');
      const running = JSON.parse((await command('hostler', ['jobs', '--running', '--json'])).stdout) as unknown[];
      expect(running).toEqual([]);
    }, 90_000);
  });
});
