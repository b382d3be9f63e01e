// bound: 180 s
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createNetwork, type LabNetwork } from '../../deploy/lab/network.ts';
import { eventually } from '../../deploy/lab/wait.ts';
import { run } from '../../shared/process/run.ts';
import { which } from '../../shared/process/which.ts';
import { type Command, commandsFor, type Ended } from '../tools/commands.ts';
import { RealManager } from '../tools/real-manager.ts';

/*
 * From definitions to services that others can use: a manager and its agent in a network of their own, where a DHCP
 * client gets its address, a resolver finds names both ways, and an ssh server tells its key.
 */

let folder: string;
let network: LabNetwork;
let manager: RealManager;
let command: Command;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hostler-names-'));
  mkdirSync(join(folder, 'etc'));
  network = await createNetwork({ name: 'names', taps: 0 });
  await inside('ip', 'addr', 'add', 'fd77::1/64', 'dev', 'br0', 'nodad');
  const hosts = join(folder, 'etc', 'hosts');
  manager = await RealManager.start(['--agent-roles', 'boot,store', '--hosts-file', hosts], (argv) =>
    network.inside(argv),
  );
  command = commandsFor(manager.env);
  await ok('chdef', '-t', 'site', 'domain=cluster.test', 'master=10.77.0.1', 'dhcpinterfaces=br0');
  await ok(
    'mkdef',
    '-t',
    'node',
    'n[1-3]',
    'groups=all',
    'ip=|n(\\d+)|10.77.0.($1+20)|',
    'mac=|n(\\d+)|52:54:00:77:01:0($1)|',
  );
  await ok('mkdef', '-t', 'node', 'six', 'groups=all', 'ip=fd77::6');
});

afterAll(async () => {
  try {
    await manager.dispose();
  } finally {
    await network.remove();
    rmSync(folder, { recursive: true, force: true });
  }
});

async function inside(...argv: string[]): Promise<{ exit: number | null; stdout: string }> {
  const [program = '', ...rest] = network.inside(argv);
  const { exit, stdout } = await run(program, rest, { allowExit: 'any', timeoutMs: 20_000 });
  return { exit, stdout };
}

async function ok(name: string, ...args: string[]): Promise<Ended> {
  const ended = await command(name, args);
  expect([name, args, ended.exit, ended.stderr]).toEqual([name, args, 0, expect.not.stringMatching(/Error|Warning/)]);
  return ended;
}

/** What a DHCP client on a card with this address is given; undefined: nobody answers. */
async function leaseOf(mac: string): Promise<string | undefined> {
  const [told, script] = [join(folder, 'lease'), join(folder, 'udhcpc.sh')];
  rmSync(told, { force: true });
  writeFileSync(script, `#!/bin/sh\n[ "$1" = bound ] && echo "$ip $mask $hostname $domain" > ${told}\nexit 0\n`, {
    mode: 0o755,
  });
  await inside('ip', 'link', 'add', 'v0', 'address', mac, 'type', 'veth', 'peer', 'name', 'v1');
  try {
    await inside('ip', 'link', 'set', 'v1', 'master', 'br0', 'up');
    await inside('ip', 'link', 'set', 'v0', 'up');
    await inside('busybox', 'udhcpc', '-i', 'v0', '-n', '-q', '-t', '3', '-T', '1', '-s', script);
  } finally {
    await inside('ip', 'link', 'del', 'v0');
  }
  return existsSync(told) ? readFileSync(told, 'utf8').trim() : undefined;
}

describe('services from definitions', () => {
  test('makenetworks defines the networks of real interfaces, IPv6 too', async () => {
    await eventually('the agent told of its networks', async () => (await command('makenetworks')).exit === 0, {
      timeoutMs: 30_000,
    });
    const { stdout } = await ok('lsdef', '-t', 'network', '-i', 'net,mask,mgtifname', '-c');
    expect(stdout).toBe(
      '10_77_0_0-255_255_255_0: mask=255.255.255.0\n' +
        '10_77_0_0-255_255_255_0: mgtifname=br0\n' +
        '10_77_0_0-255_255_255_0: net=10.77.0.0\n' +
        'fd77__-64: mask=64\nfd77__-64: mgtifname=br0\nfd77__-64: net=fd77::\n',
    );
  });

  test('makedhcp: a DHCP client gets what its definition says, and nothing when it was taken away', async () => {
    await ok('makedhcp', 'n1');
    expect(await leaseOf('52:54:00:77:01:01')).toBe('10.77.0.21 24 n1 cluster.test');
    await ok('chdef', 'n1', 'ip=10.77.0.99');
    await ok('makedhcp', '-a');
    expect(await leaseOf('52:54:00:77:01:01')).toBe('10.77.0.99 24 n1 cluster.test');
    expect(await leaseOf('52:54:00:77:01:02')).toBe('10.77.0.22 24 n2 cluster.test');
    await ok('makedhcp', '-d', 'n2');
    expect(await leaseOf('52:54:00:77:01:02')).toBeUndefined();
    await ok('noderm', 'n1');
    expect(await leaseOf('52:54:00:77:01:01')).toBeUndefined();
  }, 90_000);

  test('makedns: names and addresses are found both ways', async () => {
    await ok('makedns');
    const conf = join(folder, 'etc/dnsmasq.d/hostler-names.conf');
    const [program = '', ...argv] = network.inside([
      'dnsmasq',
      '--keep-in-foreground',
      `--conf-file=${conf}`,
      '--port=5399',
      '--listen-address=127.0.0.1',
      '--bind-interfaces',
      '--no-resolv',
      '--no-hosts',
      '--user=root',
      '--pid-file=',
    ]);
    const server = spawn(program, argv, { stdio: 'ignore' });
    try {
      const asking = `
        const resolver = new (require('node:dns').promises.Resolver)({ timeout: 500, tries: 10 });
        resolver.setServers(['127.0.0.1:5399']);
        Promise.all([
          resolver.resolve4('n2.cluster.test'), resolver.resolve6('six.cluster.test'),
          resolver.reverse('10.77.0.22'), resolver.reverse('fd77::6'),
          resolver.resolve4('nobody.cluster.test').catch((error) => error.code),
        ]).then((all) => console.log(JSON.stringify(all)));`;
      const answers = await eventually(
        'the resolver answers',
        async () => {
          const { exit, stdout } = await inside(process.execPath, '-e', asking);
          return exit === 0 ? (JSON.parse(stdout) as unknown) : undefined;
        },
        { timeoutMs: 20_000 },
      );
      expect(answers).toEqual([['10.77.0.22'], ['fd77::6'], ['n2.cluster.test'], ['six.cluster.test'], 'ENOTFOUND']);
    } finally {
      await ended(server);
    }
  }, 60_000);

  test('makeknownhosts: the key that a real sshd tells', async (context) => {
    const sshd = which('sshd');
    if (sshd === undefined) context.skip('needs openssh-server');
    await inside('ip', 'addr', 'add', '10.77.0.23/24', 'dev', 'br0');
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, 'host')]);
    const lines = ['ListenAddress 10.77.0.23', `HostKey ${folder}/host`, 'PidFile none', 'UsePAM no', ''];
    writeFileSync(join(folder, 'sshd_config'), lines.join('\n'));
    mkdirSync('/run/sshd', { recursive: true });
    const [program = '', ...argv] = network.inside([sshd ?? '', '-D', '-e', '-f', join(folder, 'sshd_config')]);
    const server = spawn(program, argv, { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    server.stderr.on('data', (text: Buffer) => (said += text.toString()));
    try {
      await eventually('sshd listens', () => said.includes('listening'), { timeoutMs: 10_000 });
      const known = join(folder, 'etc/known_hosts');
      writeFileSync(known, 'n3 ssh-ed25519 AAAAold\nother ssh-ed25519 AAAAkept\n');
      const made = await command('makeknownhosts', ['n2,n3']);
      expect([made.exit, made.stdout]).toEqual([0, '']);
      expect(made.stderr).toMatch(/No host key came from 10\.77\.0\.22: no sshd answers there\./);
      const key = readFileSync(join(folder, 'host.pub'), 'utf8').split(' ').slice(0, 2).join(' ');
      expect(readFileSync(known, 'utf8')).toBe(`other ssh-ed25519 AAAAkept\nn3,n3.cluster.test,10.77.0.23 ${key}\n`);
      await ok('makeknownhosts', 'n3', '-r');
      expect(readFileSync(known, 'utf8')).toBe('other ssh-ed25519 AAAAkept\n');
    } finally {
      await ended(server);
    }
  }, 60_000);
});

async function ended(child: ChildProcess): Promise<void> {
  child.kill('SIGTERM');
  await eventually('it ends', () => child.exitCode !== null || child.signalCode !== null, { timeoutMs: 10_000 });
}
