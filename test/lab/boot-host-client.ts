import { spawn, type ChildProcess } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { saveIdentity } from '../../agent/identity/identity-files.ts';
import { eventually } from '../../deploy/lab/wait.ts';
import type { LabNetwork } from '../../deploy/lab/network.ts';
import type { TlsIdentity } from '../../shared/identity/tls.ts';
import type { BootApplySpec } from '../../shared/task/boot-apply.ts';
import type { NodeEvent } from '../../shared/task/node-events.ts';

/** The other side of boot-host.ts: a boot server in a network's namespace, and what it said so far. */
export class BootHost {
  readonly home: string;
  readonly events: NodeEvent[] = [];
  readonly logs: string[] = [];
  readonly child: ChildProcess;
  #answers: { applied?: unknown; failed?: string }[] = [];
  #ready = false;
  #ended = false;
  #specs = 0;

  private constructor(home: string, child: ChildProcess) {
    this.home = home;
    this.child = child;
    if (!child.stdout) throw new Error('no output');
    createInterface({ input: child.stdout }).on('line', (line) => {
      const said = JSON.parse(line) as {
        event?: NodeEvent;
        log?: string;
        ready?: unknown;
        applied?: unknown;
        failed?: string;
      };
      if (said.event) this.events.push(said.event);
      else if (said.log !== undefined) this.logs.push(said.log);
      else if (said.ready) this.#ready = true;
      else this.#answers.push(said);
    });
    child.once('exit', () => (this.#ended = true));
  }

  /** `relayPort`: what it is told to be a relay on; nothing listens there. */
  static async start(
    network: LabNetwork,
    home: string,
    name: string,
    identity: TlsIdentity,
    relayPort?: number,
  ): Promise<BootHost> {
    await saveIdentity(home, identity);
    const [program = '', ...rest] = network.inside([
      process.execPath,
      '--import',
      'tsx',
      'test/lab/boot-host.ts',
      home,
      name,
      ...(relayPort === undefined ? [] : [String(relayPort)]),
    ]);
    const host = new BootHost(home, spawn(program, rest, { stdio: ['pipe', 'pipe', 'inherit'] }));
    await eventually('the boot host is ready', () => host.#ready, { timeoutMs: 20_000 });
    return host;
  }

  /** Runs a boot-apply task there; rejects with its message. */
  async apply(spec: BootApplySpec): Promise<void> {
    this.#specs += 1;
    const file = join(this.home, `spec-${this.#specs}.json`);
    await writeFile(file, JSON.stringify(spec));
    const before = this.#answers.length;
    this.child.stdin?.write(`${JSON.stringify({ apply: file })}\n`);
    const answer = await eventually('boot-apply', () => this.#answers[before], { timeoutMs: 60_000 });
    if (answer.failed !== undefined) throw new Error(answer.failed);
  }

  stages(node: string): string[] {
    return this.events.filter((event) => event.node === node).map((event) => event.stage);
  }

  async stop(): Promise<void> {
    if (this.#ended) return;
    this.child.stdin?.write(`${JSON.stringify({ stop: true })}\n`);
    await eventually('the boot host ends', () => this.#ended, { timeoutMs: 20_000 });
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await eventually('the boot host is gone', () => this.#ended, { timeoutMs: 5_000 });
  }
}
