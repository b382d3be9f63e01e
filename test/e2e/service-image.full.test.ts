// bound: 2400 s, with virtual machines
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chooseAccel } from '../../deploy/lab/kvm.ts';
import { createNetwork, type LabNetwork } from '../../deploy/lab/network.ts';
import { startVm, type Vm } from '../../deploy/lab/vm.ts';
import { eventually } from '../../deploy/lab/wait.ts';
import { Cluster } from '../../deploy/quickstart/cluster.ts';
import { serviceNodeRoles } from '../../shared/identity/names.ts';
import { run } from '../../shared/process/run.ts';
import { ServiceRack } from '../lab/service-rack.ts';
import { type Command, commandsFor } from '../tools/commands.ts';
import { dist } from '../tools/real-manager.ts';
import { root } from '../tools/step.ts';

/*
 * A service node that is made as docs/service-nodes.md says, boots from the network, and serves: behind it, where nobody reaches
 * the manager, an agent works through its relay, a file comes out of its store, and a node boots from it.
 */

const possible = process.getuid?.() === 0 && process.arch === 'x64';
const dir = mkdtempSync(join(tmpdir(), 'hostler-sn-'));
const releaseText = readFileSync('/etc/os-release', 'utf8');
const release = `debian${/^VERSION_ID="?(\d+)/m.exec(releaseText)?.[1] ?? ''}`;
const computeImage = `${release}-x86_64-netboot-compute`;
const rackMac = '52:54:00:78:00:01';
const patience = { timeoutMs: 600_000, everyMs: 500 };

interface Agent {
  readonly name: string;
  readonly state: string;
  readonly roles: readonly string[];
}

/** Lines of the n-th block of commands or of a script in docs/service-nodes.md. */
function shellOfPage(number: number): string[] {
  const page = readFileSync(join(root, 'docs/service-nodes.md'), 'utf8');
  return [...page.matchAll(/```sh\n(.*?)```/gs)][number]?.[1]?.trimEnd().split('\n') ?? [];
}

/** What the page types, with the addresses of this laboratory: until the service node is set, and what follows. */
function commandsOfPage(network: LabNetwork): [string[][], string[][]] {
  const text = shellOfPage(0)
    .join('\n')
    .replace(/\\\n/g, ' ')
    .replace(/#.*$/gm, '')
    .replaceAll('eno2', network.bridge)
    .replaceAll('10.0.0.', network.net.replace(/0$/, ''))
    .replaceAll('10.1.0.', `${ServiceRack.net}.`)
    .replaceAll('debian12', release);
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const words = lines.map((line) =>
    [...line.matchAll(/(?:'[^']*'|[^\s'])+/g)].map(([word]) => word.replaceAll("'", '')),
  );
  const split = 1 + words.findIndex(([name, node]) => name === 'nodeset' && node === 'sn01');
  return [words.slice(0, split), words.slice(split)];
}

describe.skipIf(!possible || !/^ID=debian$/m.test(releaseText))('a service node (needs root, Debian)', () => {
  let network: LabNetwork;
  let rack: ServiceRack;
  let cluster: Cluster;
  let command: Command;
  let accel: 'kvm' | 'tcg';
  /** What the page types for the node behind. */
  let ofNode: readonly string[][] = [];
  const machines: Vm[] = [];

  const typed = async (name: string, ...args: string[]): Promise<string> => {
    const { exit, stdout, stderr } = await command(name, args, { timeoutMs: 900_000 });
    expect(exit, `${name} ${args.join(' ')}\n${(stdout + stderr).slice(-4000)}`).toBe(0);
    return stdout;
  };
  const agents = async (): Promise<Agent[]> => JSON.parse(await typed('hostler', 'agents', '--json')) as Agent[];
  const stateOf = async (node: string): Promise<Record<string, string>> => {
    const answer = await typed('lsdef', '-t', 'node', '-o', node, '--json');
    return (JSON.parse(answer) as { state?: Record<string, string> }).state ?? {};
  };
  /** Its boot id. */
  const booted = async (node: string, vm: Vm, before?: string): Promise<string> => {
    const tail = async (): Promise<string> => (await vm.console.text()).trimEnd().split('\n').slice(-40).join('\n');
    try {
      return await eventually(
        `${node} booted`,
        async () => {
          if (vm.over() !== undefined) throw new Error(vm.over());
          const state = await stateOf(node);
          const id = state['hostler.bootid'] ?? '';
          if (id === before || id === '') return undefined;
          if (state['nodelist.status'] === 'failed') throw new Error(`${node} failed: ${state['boot.error'] ?? ''}`);
          return state['nodelist.status'] === 'booted' && id;
        },
        patience,
      );
    } catch (thrown) {
      throw new Error(`${String(thrown)}\nThe console of ${node} ended with:\n${await tail()}`, { cause: thrown });
    }
  };

  beforeAll(async () => {
    const signal = AbortSignal.timeout(280_000);
    network = await createNetwork({ name: 'service', taps: 1 });
    rack = await ServiceRack.create(network);
    await run(process.execPath, ['--import', 'tsx', join(root, 'deploy/build.ts')], { cwd: root, signal });
    cluster = await Cluster.start(dir, dist, network, 'grpc', signal);
    await cluster.joinBuilder(dist, signal);
    command = commandsFor({ HOSTLER_HOME: cluster.home });
  });
  afterAll(async () => {
    for (const machine of machines) await machine.stop();
    await rack.remove();
    await cluster.stop();
    await network.remove();
    rmSync(dir, { recursive: true, force: true });
  }, 120_000);

  function postscript(name: string, lines: readonly string[]): void {
    const folder = join(dir, 'install/postscripts');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, name), `${lines.join('\n')}\n`);
    chmodSync(join(folder, name), 0o755);
  }

  it('is defined, its image built and packed, and it boots with its roles', { timeout: 1_500_000 }, async () => {
    const [own, others] = commandsOfPage(network);
    postscript('rackcard', shellOfPage(1));
    postscript('behind', [
      '#!/bin/sh',
      `if ip route get ${network.address}; then echo "behind: there is another way to the manager" >/dev/console; exit 1; fi`,
      'echo "behind: $(uname -n) has $MASTER, and no way to the manager" >/dev/console',
    ]);
    ofNode = others.filter(([name]) => name === 'nodeset');
    for (const [name = '', ...args] of own) await typed(name, ...args);
    await typed('chdef', 'n01', 'postscripts=behind');
    accel = await chooseAccel(join(dir, 'install/netboot', release, 'x86_64/service/kernel'));
    const memoryMiB = 3072;
    const more = rack.secondCard(rackMac);
    const vm = await startVm({
      name: 'sn01',
      network,
      tap: 0,
      dir: join(dir, 'vm'),
      firmware: 'bios',
      accel,
      memoryMiB,
      more,
    });
    machines.push(vm);
    await booted('sn01', vm);
    const found = (await agents()).find(({ name }) => name === 'sn01');
    expect(found?.state).toBe('connected');
    expect([...(found?.roles ?? [])].sort()).toEqual([...serviceNodeRoles].sort());
    // Now: the agent of the next test builds too, and would be chosen.
    for (const [name = '', ...args] of others) if (name !== 'nodeset') await typed(name, ...args);
  });

  it('carries the link of an agent behind it, whose task runs', { timeout: 300_000 }, async () => {
    // What it is to serve it learns with the first nodeset, or like this.
    await typed('makedhcp', '-n');
    const token = (await typed('hostler', 'agents', 'token', '--roles', 'build')).trim();
    const home = join(dir, 'beside');
    const told = ['--manager', `${ServiceRack.net}.1:7440`, '--name', 'beside', '--roles', 'build'];
    rack.startAgent(dist, home, told, token);
    await eventually(
      'the agent behind the service node is connected',
      async () => {
        const over = rack.agentOver(home);
        if (over !== undefined) throw new Error(over);
        return (await agents()).some(({ name, state }) => name === 'beside' && state === 'connected');
      },
      { timeoutMs: 120_000, everyMs: 500 },
    );
    expect(await typed('hostler', 'imagecache', '--on', 'beside')).toContain('On beside:');
  });

  it('hands out files of images and postscripts over mutual TLS alone', { timeout: 300_000 }, async () => {
    for (const [name = '', ...args] of ofNode) await typed(name, ...args);
    const shown = JSON.parse(await typed('lsdef', '-t', 'osimage', '-o', computeImage, '--json')) as {
      state: Record<string, string>;
    };
    const digest = shown.state['hostler.current'] ?? '';
    const store = `https://${ServiceRack.net}.1:7443`;
    const ask = async (path: string): Promise<string> => {
      const argv = [process.execPath, '--import', 'tsx', join(root, 'test/lab/store-ask.ts')];
      const file = join(dir, 'fetched');
      const [program = '', ...rest] = rack.beside([...argv, join(dir, 'beside'), 'sn01', store, path, file]);
      return (await run(program, rest, { cwd: root })).stdout.trim();
    };
    expect(await ask(`/blobs/${digest}`)).toBe(digest);
    await ask('/postscripts/behind');
    expect(readFileSync(join(dir, 'fetched'), 'utf8')).toBe(
      readFileSync(join(dir, 'install/postscripts/behind'), 'utf8'),
    );
    // A stranger gets nothing.
    for (const path of [`/blobs/${digest}`, '/postscripts/behind']) {
      const [program = '', ...rest] = rack.beside([
        'curl',
        '-sk',
        '-o',
        '/dev/null',
        '-w',
        '%{http_code}',
        store + path,
      ]);
      expect((await run(program, rest)).stdout, path).toBe('403');
    }
  });

  it('boots a node, which is told to come to the manager by way of it', { timeout: 900_000 }, async () => {
    const vm = await startVm({
      ...{ name: 'n01', network: rack.asNetwork(), tap: 0, dir: join(dir, 'vm'), firmware: 'bios', accel },
      ...{ memoryMiB: 1536, mac: '52:54:00:78:00:02' },
    });
    machines.push(vm);
    await booted('n01', vm);
    const said = await vm.console.text();
    expect(said).toContain(`this is n01; enrolling with ${ServiceRack.net}.1:7440`);
    expect(said).toContain(`behind: n01 has ${ServiceRack.net}.1, and no way to the manager`);
  });

  it('that was reset serves its nodes again, without another nodeset', { timeout: 1_200_000 }, async () => {
    const [server, node] = machines;
    if (server === undefined || node === undefined) throw new Error('there are no two machines');
    const before = {
      server: (await stateOf('sn01'))['hostler.bootid'],
      node: (await stateOf('n01'))['hostler.bootid'],
    };
    await server.reset();
    await booted('sn01', server, before.server);
    const script = `http://${ServiceRack.net}.1/boot/52-54-00-78-00-02.ipxe`;
    const [curl = '', ...args] = rack.beside(['curl', '-sf', '-m', '5', script]);
    const served = async (): Promise<boolean> =>
      (await run(curl, args, { allowExit: 'any' })).stdout.includes('kernel http');
    await eventually('it serves again', served, { timeoutMs: 300_000, everyMs: 1000 });
    await node.reset();
    await booted('n01', node, before.node);
  });
});
