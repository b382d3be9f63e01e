import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { which } from '../../shared/process/which.ts';
import { until } from '../sim/engine.ts';
import { root } from './step.ts';

/** What a broker of others needs on this machine. */
export const ownBrokerPossible = which('nats-server') !== undefined && which('openssl') !== undefined;

/** The blocks of the chapter of docs/link.md that says how such a broker is configured. */
function blocks(): readonly [commands: string, configuration: string, manager: string, relays: string] {
  const text = readFileSync(join(root, 'docs/link.md'), 'utf8');
  const chapter = text.split('## A broker that is there already\n')[1]?.split('\n## ')[0] ?? '';
  const found = [...chapter.matchAll(/```\w*\n([^`]+)```/g)].map(([, block]) => block);
  const [commands = '', configuration = '', manager = '', relays = ''] = found;
  return [commands, configuration, manager, relays];
}

export interface OwnBrokerOptions {
  /** An empty folder. */
  readonly folder: string;
  /** The manager's home. */
  readonly home: string;
  readonly port: number;
  /** What `hostler-manager --nats-config` prints. */
  readonly trust: string;
  /** It is to have a door for leaf nodes, on this port. */
  readonly leafs?: number;
}

/** A nats-server that its administrator configured by hand, exactly as docs/link.md says. */
export class OwnBroker {
  readonly #options: OwnBrokerOptions;
  #server: ChildProcess | undefined;

  constructor(options: OwnBrokerOptions) {
    this.#options = options;
  }

  /** Does what the page says; `change`: what somebody did differently in the configuration. */
  configure(change: (text: string) => string = (text) => text): void {
    const { folder, home, port, trust, leafs } = this.#options;
    const [commands, configuration, , relays] = blocks();
    const trusting = leafs === undefined ? trust : trust.replace('resolver: MEMORY\n', '');
    writeFileSync(join(folder, 'hostler-trust.conf'), trusting);
    copyFileSync(join(home, 'authority/ca.pem'), join(folder, 'ca.pem'));
    for (const line of commands.trim().split('\n')) {
      const [program = '', ...args] = line.replaceAll('HOME', home).split(' ');
      if (program !== 'openssl') continue;
      const { status, stderr } = spawnSync(program, args, { cwd: folder, encoding: 'utf8' });
      if (status !== 0) throw new Error(`${line}: ${stderr}`);
    }
    const here = configuration.replace(/listen: "[^"]+"/, `listen: "127.0.0.1:${port}"`);
    const more = leafs === undefined ? '' : relays.replace(/listen: "[^"]+"/, `listen: "127.0.0.1:${leafs}"`);
    const changed = change(here + more);
    if (here === configuration) throw new Error('docs/link.md says no more where the broker listens');
    writeFileSync(join(folder, 'nats-server.conf'), changed);
  }

  async start(): Promise<void> {
    let said = '';
    const program = which('nats-server') ?? '';
    const server = spawn(program, ['-c', 'nats-server.conf'], { cwd: this.#options.folder });
    this.#server = server;
    for (const stream of [server.stdout, server.stderr]) stream.on('data', (text: Buffer) => (said += text.toString()));
    await until('it is ready', () => {
      if (server.exitCode !== null) throw new Error(said);
      return said.includes('Server is ready');
    });
  }

  /** As `nats-server --signal reload`. */
  reload(): void {
    this.#server?.kill('SIGHUP');
  }

  /** 0: it does not run. */
  get pid(): number {
    return this.#server?.pid ?? 0;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined || server.exitCode !== null) return;
    server.kill('SIGKILL');
    await once(server, 'exit');
  }
}
