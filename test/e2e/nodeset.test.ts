// The built manager, agent and commands in a network of their own. bound: 180 s
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createNetwork, type LabNetwork } from '../../deploy/lab/network.ts';
import { eventually } from '../../deploy/lab/wait.ts';
import { run, type RunResult } from '../../shared/process/run.ts';
import { dist } from '../tools/real-manager.ts';

let dir: string;
let network: LabNetwork;
let agent: ChildProcess;
const children: ChildProcess[] = [];

/** A program of ours in the namespace, its output in `<dir>/<name>.out`. */
function start(program: string, args: readonly string[], name: string): ChildProcess {
  const [file = '', ...rest] = network.inside([join(dist, program), ...args]);
  const output = openSync(join(dir, `${name}.out`), 'a');
  const child = spawn(file, rest, { stdio: ['ignore', output, output] });
  closeSync(output);
  children.push(child);
  return child;
}

function startAgent(token: string): ChildProcess {
  const folders = ['--home', join(dir, 'a'), '--install-dir', join(dir, 'install'), '--tftp-dir', join(dir, 'tftp')];
  const manager = ['--manager', `unix:${join(dir, 'm', 'manager.sock')}`, '--token', token];
  return start('hostler-agent', [...folders, ...manager, '--name', 'boot1', '--roles', 'boot,store'], 'agent');
}

function ask(command: string, ...args: string[]): Promise<RunResult> {
  const env = { HOSTLER_HOME: join(dir, 'm') };
  return run(join(dist, 'bin', command), args, { env, allowExit: 'any', timeoutMs: 60_000 });
}

async function served(path: string): Promise<string> {
  const [program = '', ...args] = network.inside(['curl', '-s', '-m', '5', `http://${network.address}${path}`]);
  return (await run(program, args, { allowExit: 'any' })).stdout;
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hostler-ns-'));
  network = await createNetwork({ name: 'nodeset', taps: 0 });
  const home = join(dir, 'm');
  const folders = ['--install-dir', join(dir, 'install'), '--tftp-dir', join(dir, 'tftp')];
  start(
    'hostler-manager',
    ['--home', home, ...folders, '--no-agent', '--listen', `${network.address}:7301`],
    'manager',
  );
  const socket = join(home, 'manager.sock');
  await eventually(
    'the manager answers',
    () =>
      stat(socket).then(
        () => true,
        () => false,
      ),
    { timeoutMs: 20_000 },
  );
});

afterAll(async () => {
  await network.remove();
  await rm(dir, { recursive: true, force: true });
});

describe('nodeset', () => {
  it('changes nothing but the registry while there is no boot server', async () => {
    await ask(
      'chdef',
      '-t',
      'site',
      'clustersite',
      `master=${network.address}`,
      'domain=cluster.test',
      'dhcpinterfaces=mn|br0',
    );
    await ask('mkdef', '-t', 'network', 'lab', `net=${network.net}`, `mask=${network.mask}`, 'gateway=<xcatmaster>');
    const nodes = ['groups=all,compute', 'netboot=xnba', 'arch=x86_64'];
    await ask('mkdef', 'n01', ...nodes, 'ip=10.77.0.11', 'mac=52:54:00:77:00:00');
    await ask('mkdef', 'n02', ...nodes, 'ip=10.77.0.12', 'mac=52:54:00:77:00:01');
    expect(await ask('nodeset', 'n01', 'boot')).toMatchObject({ exit: 0, stdout: 'n01: boot\n' });
    expect(await ask('nodeset', 'n01', 'stat')).toMatchObject({ exit: 0, stdout: 'n01: boot\n' });
  });

  it('has the boot server serve what it says, and shows before what it would do', async () => {
    const { stdout } = await ask('hostler', 'agents', 'token', '--roles', 'boot,store', '--json');
    const token = /[0-9a-f]{16}\.[0-9a-f]{48}\.[0-9a-f]{64}/.exec(stdout)?.[0] ?? '';
    agent = startAgent(token);
    await eventually(
      'the agent is there',
      async () => /boot1\s+connected/.test((await ask('hostler', 'agents')).stdout),
      {
        timeoutMs: 30_000,
        everyMs: 300,
      },
    );
    const plan = await ask('nodeset', 'compute', 'boot', '--plan');
    expect(plan.stdout).toContain('Set up the boot server for 2 nodes');
    expect(await served('/boot.ipxe')).toBe('');
    expect(await ask('nodeset', 'compute', 'boot')).toMatchObject({ exit: 0, stdout: 'n01: boot\nn02: boot\n' });
    // Told success, the firmware of UEFI stops in its menu.
    const toDisk = '#!ipxe\n#boot\niseq ${platform} efi && goto efi ||\nexit\n:efi\nexit 1\n';
    expect(await served('/boot/52-54-00-77-00-01.ipxe')).toBe(toDisk);
    const hosts = await readFile(join(dir, 'a', 'boot', 'dhcp-hosts'), 'utf8');
    expect(hosts).toBe('52:54:00:77:00:00,10.77.0.11,n01\n52:54:00:77:00:01,10.77.0.12,n02\n');
  });

  it('waits for a boot server that was killed, and is done when it is back', async () => {
    agent.kill('SIGKILL');
    const asked = ask('nodeset', 'n02', 'offline');
    startAgent('');
    expect(await asked).toMatchObject({ exit: 0, stdout: expect.stringContaining('n02: offline\n') as string });
    expect(await served('/boot/52-54-00-77-00-01.ipxe')).toContain('not known here');
    expect(await served('/boot/52-54-00-77-00-00.ipxe')).toContain('#boot');
  });

  it('says what the boot server cannot do, and leaves the registry as it is', async () => {
    await ask('chdef', '-t', 'site', 'clustersite', 'dhcpinterfaces=mn|eth9');
    const { exit, stderr } = await ask('nodeset', 'n01', 'offline');
    expect(exit).toBe(1);
    expect(stderr).toMatch(/^n01: \[.*\]: Error: boot1: There is no interface eth9 here \(there is: br0\)/m);
    expect((await ask('nodeset', 'n01', 'stat')).stdout).toBe('n01: boot\n');
    const state = JSON.parse(await readFile(join(dir, 'a', 'boot', 'service.json'), 'utf8')) as object;
    expect(state).toMatchObject({ service: { interfaces: ['br0'] }, nodes: { n01: { hostname: 'n01' } } });
    expect(await served('/boot/52-54-00-77-00-00.ipxe')).toContain('#boot');
  });
});
