// The built manager, agents and commands in three networks in a row; nodes that boot without virtual machines. bound: 900 s
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../deploy/lab/wait.ts';
import { serviceNodeRoles } from '../../shared/identity/names.ts';
import { BootedMachine } from '../lab/booted-machine.ts';
import { smallImage } from '../lab/small-image.ts';
import { type Command, commandsFor } from '../tools/commands.ts';
import { Namespaces } from '../tools/namespaces.ts';
import { RealManager, dist } from '../tools/real-manager.ts';
import { root } from '../tools/step.ts';

/*
 * hub (the manager) - relay (sn01, a service node that booted) - node (n01, which reaches sn01 and nothing else). The same with
 * real images and virtual machines: service-image.full.test.ts.
 */

describe.skipIf(process.getuid?.() !== 0)('a service node that booted (needs root)', () => {
  const dir = mkdtempSync(join(tmpdir(), 'hostler-sn-'));
  let net: Namespaces;
  let manager: RealManager;
  let command: Command;
  let server: BootedMachine;
  let node: BootedMachine;

  const typed = async (name: string, ...args: string[]): Promise<string> => {
    const { exit, stdout, stderr } = await command(name, args);
    expect(exit, `${name} ${args.join(' ')}\n${stdout}${stderr}`).toBe(0);
    return stdout;
  };
  /** As the manager tells it of that boot. */
  const booted = async (name: string, bootId: string, machine: BootedMachine): Promise<void> => {
    let state: Record<string, string> = {};
    const look = async (): Promise<boolean> => {
      const answer = await typed('lsdef', '-t', 'node', '-o', name, '--json');
      state = (JSON.parse(answer) as { state?: Record<string, string> }).state ?? {};
      return state['hostler.bootid'] === bootId && /^(booted|failed)$/.test(state['nodelist.status'] ?? '');
    };
    await eventually(`${name} booted`, look, { timeoutMs: 120_000, everyMs: 300 }).catch((thrown: unknown) => {
      throw new Error(`${String(thrown)} It said:\n${machine.console.slice(-3000)}`, { cause: thrown });
    });
    expect(state['nodelist.status'], `${state['boot.error'] ?? ''}\n${machine.console.slice(-3000)}`).toBe('booted');
  };

  /** The manager has heard where the store of that agent answers: sooner than any machine boots, but not than these. */
  const storeAt = async (address: string): Promise<void> => {
    const endpoint = `https://${address}:7443`;
    const known = async (): Promise<boolean> => (await typed('hostler', 'agents', '--json')).includes(endpoint);
    await eventually(`the store at ${address} is known`, known, { timeoutMs: 60_000, everyMs: 200 });
  };

  beforeAll(async () => {
    net = new Namespaces(['hub', 'relay', 'node']);
    const folders = [
      '--install-dir',
      join(dir, 'install'),
      '--tftp-dir',
      join(dir, 'tftp'),
      '--hosts-file',
      join(dir, 'hosts'),
    ];
    const options = ['--listen', '10.91.0.1:7441', '--agent-roles', 'build,boot,store', ...folders];
    manager = await RealManager.start(options, (argv) => [...net.under('hub'), ...argv]);
    command = commandsFor({ HOSTLER_HOME: manager.home });
    const agent = join(dist, 'hostler-agent');
    const roles = [...serviceNodeRoles];
    const own = { card: 'left', agent };
    server = new BootedMachine({
      ...{ ...own, under: net.under('relay'), dir: join(dir, 'sn01'), server: 'http://10.91.0.1' },
      settings: { mode: 'stay', roles },
    });
    node = new BootedMachine({
      ...{ ...own, under: net.under('node'), dir: join(dir, 'n01'), server: 'http://10.91.1.1' },
      settings: { mode: 'once' },
    });
    mkdirSync(join(dir, 'install/postscripts'), { recursive: true });
    writeFileSync(join(dir, 'install/postscripts/mark'), '#!/bin/sh\necho "mark: $NODE by $MASTER"\n');
    await typed(
      'chdef',
      '-t',
      'site',
      'clustersite',
      'master=10.91.0.1',
      'domain=cluster.test',
      'dhcpinterfaces=mn|right;sn01|right',
    );
    await typed('mkdef', '-t', 'network', 'mgmt', 'net=10.91.0.0', 'mask=255.255.255.0');
    await typed('mkdef', '-t', 'network', 'rack1', 'net=10.91.1.0', 'mask=255.255.255.0');
    const common = ['arch=x86_64', 'netboot=xnba', 'postscripts=mark'];
    await typed(
      'mkdef',
      'sn01',
      'groups=all,service',
      `mac=${await server.mac()}`,
      'ip=10.91.0.2',
      'setupdhcp=1',
      ...common,
    );
    const behind = ['servicenode=sn01', 'xcatmaster=10.91.1.1'];
    await typed('mkdef', 'n01', 'groups=all,compute', `mac=${await node.mac()}`, 'ip=10.91.1.2', ...behind, ...common);
    for (const profile of ['service', 'compute']) {
      const rootimgdir = join(dir, profile);
      await smallImage(rootimgdir);
      const about = ['imagetype=linux', 'osvers=debian12', 'osarch=x86_64', 'provmethod=netboot', `profile=${profile}`];
      await typed('mkdef', '-t', 'osimage', profile, ...about, `rootimgdir=${rootimgdir}`);
    }
    await eventually('the agent is there', async () => /connected/.test(await typed('hostler', 'agents')), {
      timeoutMs: 60_000,
    });
    await typed('packimage', 'service');
    await typed('packimage', 'compute');
  }, 240_000);
  afterAll(async () => {
    // Whatever did not come to be, the networks go.
    try {
      for (const one of [node, server]) await (one as BootedMachine | undefined)?.off();
      await (manager as RealManager | undefined)?.dispose();
    } finally {
      net.remove();
    }
    rmSync(dir, { recursive: true, force: true });
  }, 60_000);

  it('serves the node behind it: address, boot, relay, postscripts', { timeout: 240_000 }, async () => {
    await typed('nodeset', 'sn01', 'osimage=service');
    await storeAt('10.91.0.1');
    await booted('sn01', await server.boot(), server);
    const agents = JSON.parse(await typed('hostler', 'agents', '--json')) as { name: string; roles: string[] }[];
    expect(agents.find(({ name }) => name === 'sn01')?.roles.toSorted()).toEqual(serviceNodeRoles.toSorted());

    await typed('nodeset', 'n01', 'osimage=compute');
    await expect(node.inside('curl', '-s', '-m', '3', 'http://10.91.0.1/')).rejects.toThrow();
    await storeAt('10.91.1.1');
    const lease = await node.inside('sh', '-c', 'busybox udhcpc -n -q -f -t 10 -i left -s /bin/true 2>&1');
    expect(lease).toContain('lease of 10.91.1.2 obtained from 10.91.1.1');
    await booted('n01', await node.boot(), node);
    expect(node.console).toContain('this is n01; enrolling with 10.91.1.1:7441');
    expect(await node.ends(), node.console).toBe(0);
  });

  it(
    'carries the link of an agent that stays, and hands out files by certificate alone',
    { timeout: 180_000 },
    async () => {
      const token = (await typed('hostler', 'agents', 'token', '--roles', 'build')).trim();
      const home = join(dir, 'beside');
      const told = ['--home', home, '--manager', '10.91.1.1:7441', '--name', 'beside', '--roles', 'build'];
      const [program, ...under] = net.under('node');
      const env = { ...process.env, HOSTLER_TOKEN: token };
      const agent = spawn(program, [...under, join(dist, 'hostler-agent'), ...told], { stdio: 'ignore', env });
      try {
        await eventually('it is connected', async () => /beside\s+connected/.test(await typed('hostler', 'agents')), {
          timeoutMs: 90_000,
          everyMs: 300,
        });
        expect(await typed('hostler', 'imagecache', '--on', 'beside')).toContain('On beside:');
        const shown = await typed('lsdef', '-t', 'osimage', '-o', 'compute', '--json');
        const digest = (JSON.parse(shown) as { state: Record<string, string> }).state['hostler.current'] ?? '';
        const store = 'https://10.91.1.1:7443';
        const file = join(dir, 'fetched');
        const tsx = [process.execPath, '--import', import.meta.resolve('tsx'), join(root, 'test/lab/store-ask.ts')];
        for (const path of [`/blobs/${digest}`, '/postscripts/mark']) {
          const got = await node.inside(...tsx, home, 'sn01', store, path, file);
          expect(got.trim(), path).toBe(createHash('sha256').update(readFileSync(file)).digest('hex'));
          expect(await node.inside('curl', '-sk', '-o', '/dev/null', '-w', '%{http_code}', store + path)).toBe('403');
          if (path.startsWith('/blobs')) expect(got.trim()).toBe(digest);
        }
        expect(readFileSync(file)).toEqual(readFileSync(join(dir, 'install/postscripts/mark')));
      } finally {
        const gone = once(agent, 'exit');
        agent.kill('SIGTERM');
        await gone;
      }
    },
  );

  it('lets nobody in to its relay at addresses that are not in the registry', { timeout: 60_000 }, async () => {
    await server.inside('ip', 'addr', 'add', '10.99.0.1/32', 'dev', 'lo');
    const tls = (address: string): Promise<string> =>
      server.inside('sh', '-c', `timeout 20 openssl s_client -connect ${address}:7441 </dev/null 2>&1 || true`);
    expect(await tls('10.91.1.1')).toContain('hostler-manager');
    expect(await tls('10.91.0.2')).toContain('hostler-manager');
    expect(await tls('10.99.0.1')).not.toContain('hostler-manager');
  });

  it('is told what to serve when it boots anew', { timeout: 240_000 }, async () => {
    await server.off();
    await booted('sn01', await server.boot(), server);
    const script = `/boot/${(await node.mac()).replaceAll(':', '-')}.ipxe`;
    await eventually(
      'it serves again',
      () =>
        node.inside('curl', '-sf', '-m', '5', `http://10.91.1.1${script}`).then(
          () => true,
          () => false,
        ),
      { timeoutMs: 120_000, everyMs: 500 },
    );
    await storeAt('10.91.1.1');
    await booted('n01', await node.boot(), node);
    expect(readFileSync(join(dir, 'n01/console'), 'utf8').match(/enrolling with 10\.91\.1\.1:7441/g)).toHaveLength(2);
  });
});
