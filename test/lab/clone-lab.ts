import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNetwork, type LabNetwork } from '../../deploy/lab/network.ts';
import { qmp } from '../../deploy/lab/qmp.ts';
import { macOfTap, startVm, type Firmware, type Vm } from '../../deploy/lab/vm.ts';
import { eventually } from '../../deploy/lab/wait.ts';
import { run } from '../../shared/process/run.ts';
import { commandsFor, type Command } from '../tools/commands.ts';
import { RealManager } from '../tools/real-manager.ts';
import { diskArguments, type LabDisk } from './disks.ts';
import { onMachine } from './lab-shell.ts';

/** The firmware waits a minute for a boot server of IPv6 before it goes on to the disk. */
const onlyIpv4 = ['-fw_cfg', 'name=opt/org.tianocore/IPv6PXESupport,string=n'];

/** `HOSTLER_LAB_LOGS` names a folder for consoles and logs, and has each step of the machines told. */
const keepLogs = process.env['HOSTLER_LAB_LOGS'];

let laboratories = 0;

/** What the manager knows of a node by itself, by column. */
type NodeState = Readonly<Record<string, string>>;

export interface LabMachine {
  readonly firmware: Firmware;
  readonly disks: readonly LabDisk[];
  /** What it starts from; the network by default. */
  readonly first?: 'network' | 'disk';
  readonly memoryMiB?: number;
  readonly more?: readonly string[];
}

/** A manager with a boot and store agent in a private network, and virtual machines with disks as its nodes. */
export class CloneLab {
  readonly dir: string;
  readonly network: LabNetwork;
  readonly manager: RealManager;
  readonly command: Command;
  readonly #vms = new Map<string, Vm>();
  readonly #taps = new Map<string, number>();

  private constructor(dir: string, network: LabNetwork, manager: RealManager) {
    this.dir = dir;
    this.network = network;
    this.manager = manager;
    this.command = commandsFor(manager.env);
  }

  /** `nodes`: each has a tap, and the address 10.77.0.(10 + its place). `roles`: of the manager's own agent. */
  static async start(nodes: readonly string[], roles = 'boot,store'): Promise<CloneLab> {
    const dir = await mkdtemp(join(tmpdir(), 'hc-'));
    // A golden disk may have to be made, in a laboratory of its own, while another one is there.
    const network = await createNetwork({ name: `clone${(laboratories += 1)}`, taps: nodes.length });
    let manager: RealManager | undefined;
    try {
      const folders = ['--install-dir', join(dir, 'install'), '--tftp-dir', join(dir, 'tftpboot')];
      manager = await RealManager.start(
        [
          ...['--listen', `${network.address}:7440`, ...folders, '--hosts-file', join(dir, 'hosts')],
          ...['--agent-roles', roles],
        ],
        (argv) => network.inside(argv),
      );
      const lab = new CloneLab(dir, network, manager);
      await lab.#define(nodes);
      return lab;
    } catch (thrown) {
      await manager?.dispose();
      await network.remove();
      throw thrown;
    }
  }

  async #define(nodes: readonly string[]): Promise<void> {
    const { network } = this;
    await this.run(
      'chdef',
      '-t',
      'site',
      'clustersite',
      `master=${network.address}`,
      'domain=cluster.test',
      `dhcpinterfaces=${network.bridge}`,
    );
    await this.run(
      'mkdef',
      '-t',
      'network',
      'lab',
      `net=${network.net}`,
      `mask=${network.mask}`,
      `mgtifname=${network.bridge}`,
      `tftpserver=${network.address}`,
    );
    for (const [tap, node] of nodes.entries()) {
      this.#taps.set(node, tap);
      await this.run(
        'mkdef',
        '-t',
        'node',
        node,
        'groups=all',
        'arch=x86_64',
        `mac=${macOfTap(tap)}`,
        `ip=${addressOf(tap)}`,
        'netboot=xnba',
        'serialport=0',
        'serialspeed=115200',
      );
    }
    await eventually(
      'the boot agent is connected',
      async () => (await this.#agents()).some(({ state, roles }) => state === 'connected' && roles.includes('boot')),
      { timeoutMs: 30_000 },
    );
  }

  /** A command as a user would type it; its output. Fails with what it said. */
  async run(name: string, ...args: string[]): Promise<string> {
    return this.runFor(60_000, name, ...args);
  }

  async runFor(timeoutMs: number, name: string, ...args: string[]): Promise<string> {
    const { exit, stdout, stderr } = await this.command(name, args, { timeoutMs });
    if (exit !== 0) throw new Error(`${name} ${args.join(' ')} ended with ${exit}:\n${stdout}${stderr}`);
    return stdout;
  }

  /** An osimage of a tree that lies there, packed. */
  async packed(image: string, tree: string, layoutFile: string): Promise<void> {
    await this.run(
      'mkdef',
      '-t',
      'osimage',
      image,
      'imagetype=linux',
      'osname=Linux',
      'osvers=debian12',
      'osarch=x86_64',
      'provmethod=sysclone',
      `rootimgdir=${tree}`,
      `partitionfile=${layoutFile}`,
      'postscripts=efibootloader,update_network',
    );
    await this.runFor(300_000, 'packimage', image);
  }

  /** Presses the power button of a machine that is off. */
  async power(node: string, { firmware, disks, first, memoryMiB = 1536, more = [] }: LabMachine): Promise<Vm> {
    const vm = await startVm({
      name: node,
      network: this.network,
      tap: this.#taps.get(node) ?? -1,
      dir: join(this.dir, 'vm'),
      firmware,
      accel: 'tcg',
      memoryMiB,
      more: [
        ...diskArguments(disks, first),
        ...(firmware === 'uefi' ? onlyIpv4 : []),
        ...['-chardev', `socket,id=shell,path=${this.#shell(node)},server=on,wait=off`, '-serial', 'chardev:shell'],
        ...more,
      ],
    });
    this.#vms.set(node, vm);
    return vm;
  }

  /** A line of shell on a machine that is up, whatever its network does; what it prints. */
  on(node: string, line: string, timeoutMs?: number): Promise<string> {
    return onMachine(this.#shell(node), line, timeoutMs);
  }

  #shell(node: string): string {
    return join(this.dir, 'vm', `${node}.shell`);
  }

  async state(node: string): Promise<NodeState> {
    const answer = JSON.parse(await this.run('lsdef', '-t', 'node', '-o', node, '--json')) as { state?: NodeState };
    return answer.state ?? {};
  }

  async attribute(node: string, name: string): Promise<string> {
    const text = await this.run('lsdef', '-t', 'node', '-o', node, '-i', name);
    return new RegExp(`^\\s+${name}=(.*)$`, 'm').exec(text)?.[1] ?? '';
  }

  /** Waits for a status, telling each step on the way; fails early when the machine ends. */
  async until(node: string, what: string, is: (state: NodeState) => boolean, timeoutMs: number): Promise<NodeState> {
    const began = Date.now();
    let last = '';
    try {
      return await eventually(
        `${node}: ${what}`,
        async () => {
          const over = this.#vms.get(node)?.over();
          if (over !== undefined) throw new Error(`${node}: ${over}`);
          const state = await this.state(node);
          const now = ['nodelist.status', 'boot.detail', 'boot.error'].map((key) => state[key] ?? '').join(' | ');
          if (now !== last) this.#say(`${node} ${((Date.now() - began) / 1000).toFixed(0)} s: ${now}`);
          last = now;
          return is(state) ? state : undefined;
        },
        // Each look starts a program, on a machine that is busy enough.
        { timeoutMs, everyMs: 3000 },
      );
    } catch (thrown) {
      const end = (await this.#vms.get(node)?.console.text())?.trimEnd().split('\n').slice(-40).join('\n') ?? '';
      throw new Error(`${thrown instanceof Error ? thrown.message : String(thrown)}\nIts console ends with:\n${end}`, {
        cause: thrown,
      });
    }
  }

  booted(node: string, timeoutMs: number): Promise<NodeState> {
    return this.until(node, 'booted', (state) => state['nodelist.status'] === 'booted', timeoutMs);
  }

  /**
   * Looks at `hostler deploys` until all these nodes are booted; what was on the screen each time. Fails when one of
   * them ends or fails.
   */
  async deploys(nodes: readonly string[], timeoutMs: number): Promise<string[]> {
    const screens: string[] = [];
    const rows = (screen: string, state: string): number =>
      nodes.filter((node) => new RegExp(`^${node} +\\S+ +${state}\\b`, 'm').test(screen)).length;
    const began = Date.now();
    await eventually(
      `${nodes.join(' and ')} are booted`,
      async () => {
        const screen = await this.run('hostler', 'deploys', '--all', nodes.join(','));
        if (screen !== screens.at(-1)) this.#say(`${((Date.now() - began) / 1000).toFixed(0)} s\n${screen}`);
        screens.push(screen);
        const ended = nodes.map((node) => this.#vms.get(node)?.over()).find((over) => over !== undefined);
        if (ended !== undefined || rows(screen, 'failed') > 0) throw new Error(`${ended ?? ''}\n${screen}`);
        return rows(screen, 'booted') === nodes.length;
      },
      { timeoutMs, everyMs: 3000 },
    );
    return screens;
  }

  async connected(node: string): Promise<boolean> {
    return (await this.#agents()).some(({ name, state }) => name === node && state === 'connected');
  }

  async #agents(): Promise<{ name: string; state: string; roles: string[]; serial: string }[]> {
    return JSON.parse((await this.command('hostler', ['agents', '--json'])).stdout || '[]') as {
      name: string;
      state: string;
      roles: string[];
      serial: string;
    }[];
  }

  /** Shuts a machine down in order, by its power button; by force when it does not listen. Says whether it listened. */
  async shutDown(node: string, timeoutMs = 120_000): Promise<boolean> {
    const vm = this.#vms.get(node);
    if (vm === undefined) return true;
    await qmp(join(this.dir, 'vm', `${node}.qmp`), 'system_powerdown');
    const ended = await eventually(`${node} is off`, () => vm.over() !== undefined, { timeoutMs, everyMs: 500 }).catch(
      () => false,
    );
    await this.pullPlug(node);
    return ended;
  }

  async pullPlug(node: string): Promise<void> {
    await this.#vms.get(node)?.stop();
    this.#vms.delete(node);
  }

  /** Pulls out a machine's network cable, or puts it in. */
  async link(node: string, state: 'up' | 'down'): Promise<void> {
    const tap = this.network.taps[this.#taps.get(node) ?? -1] ?? '';
    await run('ip', ['-netns', this.network.name, 'link', 'set', tap, state]);
  }

  /** Takes everything away. */
  async stop(): Promise<void> {
    try {
      for (const node of [...this.#vms.keys()]) await this.pullPlug(node);
      if (keepLogs !== undefined) {
        await run('cp', ['-r', join(this.dir, 'vm'), `${keepLogs}/${Date.now()}`], { allowExit: 'any' });
        await run('cp', [this.manager.log, `${keepLogs}/manager.${Date.now()}`], { allowExit: 'any' });
      }
      await this.manager.dispose();
    } finally {
      await this.network.remove();
      await rm(this.dir, { recursive: true, force: true });
    }
  }

  /** For people who look on. */
  #say(line: string): void {
    if (keepLogs !== undefined) process.stderr.write(`${line}\n`);
  }
}

export function addressOf(tap: number): string {
  return `10.77.0.${10 + tap}`;
}

/** What the unit in the golden tree says of its machine (golden-marks.ts). `from`: look only at what came after. */
export async function told(vm: Vm, from = 0): Promise<Readonly<Record<string, string>>> {
  const match = await vm.console.waitFor(/TELL (.*) END/, { timeoutMs: 240_000, from, over: vm.over });
  const pairs = (match[1] ?? '').split(' ').map((pair) => /^([^=]*)=(.*)$/.exec(pair)?.slice(1) ?? ['', '']);
  return Object.fromEntries(pairs.map(([name = '', value = '']) => [name, value]));
}
