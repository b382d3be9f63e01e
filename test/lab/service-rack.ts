import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LabNetwork } from '../../deploy/lab/network.ts';
import { run } from '../../shared/process/run.ts';

/**
 * A second network beside that of the manager, which only a service node is to reach: a bridge without an address of this
 * side, two taps for machines, and a namespace for an agent that is no virtual machine.
 */
export class ServiceRack {
  /** Of the second network: first three bytes. */
  static readonly net = '10.78.0';
  readonly serverTap = 'rack0';
  readonly nodeTap = 'rack1';
  readonly #network: LabNetwork;
  readonly #beside = `hostler-beside-${process.pid}`;
  #agent: ChildProcess | undefined;

  private constructor(network: LabNetwork) {
    this.#network = network;
  }

  static async create(network: LabNetwork): Promise<ServiceRack> {
    const rack = new ServiceRack(network);
    const inside = (...args: string[]): Promise<unknown> => run('ip', ['-netns', network.name, ...args]);
    await inside('link', 'add', 'br1', 'type', 'bridge', 'forward_delay', '0');
    await inside('link', 'set', 'br1', 'up');
    for (const tap of [rack.serverTap, rack.nodeTap]) {
      await inside('tuntap', 'add', 'dev', tap, 'mode', 'tap');
      await inside('link', 'set', tap, 'master', 'br1', 'up');
    }
    await run('ip', ['netns', 'add', rack.#beside]);
    await inside('link', 'add', 'beside', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', rack.#beside);
    await inside('link', 'set', 'beside', 'master', 'br1', 'up');
    await run('ip', ['-netns', rack.#beside, 'addr', 'add', `${ServiceRack.net}.50/24`, 'dev', 'eth0']);
    for (const device of ['lo', 'eth0']) await run('ip', ['-netns', rack.#beside, 'link', 'set', device, 'up']);
    return rack;
  }

  /** The second network as startVm wants it. */
  asNetwork(): LabNetwork {
    return { ...this.#network, taps: [this.nodeTap] };
  }

  /** Arguments of QEMU for a machine's second card. */
  secondCard(mac: string): string[] {
    return [
      ...['-netdev', `tap,id=n1,ifname=${this.serverTap},script=no,downscript=no`],
      ...['-device', `virtio-net-pci,netdev=n1,mac=${mac},romfile=`],
    ];
  }

  beside(argv: readonly string[]): string[] {
    return ['ip', 'netns', 'exec', this.#beside, ...argv];
  }

  /** An agent in the namespace; its output goes to `<home>.log`. */
  startAgent(dist: string, home: string, args: readonly string[], token: string): void {
    mkdirSync(home, { recursive: true, mode: 0o700 });
    const log = openSync(`${home}.log`, 'a');
    const [program = '', ...rest] = this.beside([join(dist, 'hostler-agent'), '--home', home, ...args]);
    this.#agent = spawn(program, rest, { stdio: ['ignore', log, log], env: { ...process.env, HOSTLER_TOKEN: token } });
    closeSync(log);
  }

  /** Why the agent runs no more, with what it said; undefined while it runs. */
  agentOver(home: string): string | undefined {
    if (this.#agent === undefined || this.#agent.exitCode === null) return undefined;
    return `it ended with ${String(this.#agent.exitCode)}: ${readFileSync(`${home}.log`, 'utf8').slice(-2000)}`;
  }

  async remove(): Promise<void> {
    const agent = this.#agent;
    if (agent !== undefined && agent.exitCode === null && agent.signalCode === null) {
      const gone = once(agent, 'exit');
      agent.kill('SIGTERM');
      const late = setTimeout(() => agent.kill('SIGKILL'), 10_000);
      await gone;
      clearTimeout(late);
    }
    await run('ip', ['netns', 'del', this.#beside], { allowExit: 'any' });
  }
}
