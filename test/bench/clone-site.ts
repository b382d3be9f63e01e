import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { saveIdentity } from '../../agent/identity/identity-files.ts';
import { startServices, type Services } from '../../agent/services/index.ts';
import { captureReceive } from '../../agent/tasks/clone/capture/receive.ts';
import { captureSend } from '../../agent/tasks/clone/capture/send.ts';
import type { TaskContext } from '../../agent/tasks/types.ts';
import type { Json } from '../../shared/verb/effect.ts';
import { goldenLayouts } from '../lab/golden-layouts.ts';
import type { TestAuthority } from '../lab/pki.ts';
import { step } from '../tools/step.ts';
import { freePort } from './transfer.ts';

/** One capture: seconds until all content was here, and until it was packed, kept as a version and put in place. */
export interface Captured {
  readonly fetchSeconds: number;
  readonly seconds: number;
  readonly bytes: number;
}

/** Seconds. Throws when it fails. */
export async function timed(argv: readonly string[], signal: AbortSignal, bound = 600): Promise<number> {
  signal.throwIfAborted();
  const { ok, output, seconds, reason } = await step(argv, { bound });
  if (!ok) throw new Error(`${argv.join(' ')} failed (${reason}): ${output.slice(-500)}`);
  return Number(seconds.toFixed(2));
}

/** The ends of a capture on this machine, a folder in place of the golden client; beside it an sshd for plain rsync. */
export class CaptureSite {
  readonly folder: string;
  readonly #tree: string;
  readonly #services: Services;
  readonly #ssh: { readonly command: string; stop(): void };
  #count = 0;

  private constructor(folder: string, tree: string, services: Services, ssh: { command: string; stop(): void }) {
    this.folder = folder;
    this.#tree = tree;
    this.#services = services;
    this.#ssh = ssh;
  }

  /** `folder`: short, since sockets lie in it. `tree`: what is captured. */
  static async start(folder: string, tree: string, authority: TestAuthority): Promise<CaptureSite> {
    await saveIdentity(join(folder, 'g'), await authority.issue('golden1', { roles: ['golden'] }));
    const identity = await authority.issue('images', { roles: ['store'] });
    await saveIdentity(join(folder, 's'), identity);
    const services = await startServices({
      name: 'images',
      roles: ['store'],
      home: join(folder, 's'),
      installDir: join(folder, 'install'),
      tftpDir: join(folder, 'tftpboot'),
      identity: () => identity,
      serve: [{ host: '127.0.0.1', port: 0 }],
      report: () => undefined,
      log: () => undefined,
    });
    return new CaptureSite(folder, tree, services, await sshDaemon(folder));
  }

  async stop(): Promise<void> {
    this.#ssh.stop();
    await this.#services.stop();
  }

  /** What an administrator would type in place of ours, with what ours keeps too. */
  async rsync(to: string, signal: AbortSignal): Promise<number> {
    const argv = ['rsync', '-aHAXS', '--numeric-ids', '--delete', '-e', this.#ssh.command];
    return timed([...argv, `root@127.0.0.1:${this.#tree}/`, `${join(this.folder, to)}/`], signal);
  }

  async capture(signal: AbortSignal): Promise<Captured> {
    this.#count += 1;
    const ticket = this.#count.toString(16).padStart(8, '0').padEnd(32, '0');
    const endpoints = this.#services.storeEndpoints().filter((one) => one.startsWith('https:'));
    const mounts = [{ at: '/', from: this.#tree }];
    const began = Date.now();
    let fetchedAt = began;
    const { folder } = this;
    const context = (home: string, side: string, spec: object): TaskContext => {
      const dir = join(folder, `task-${side}${this.#count}`);
      mkdirSync(dir);
      return {
        ...{
          id: `${side}${this.#count}`,
          spec: JSON.parse(JSON.stringify(spec)) as Json,
          dir,
          home: join(folder, home),
        },
        ...{ installDir: join(folder, 'install'), tftpDir: join(folder, 'tftpboot'), correlation: 'bench', signal },
        log: (line) => {
          if (line.startsWith('pass ')) fetchedAt = Date.now();
        },
        progress: () => undefined,
      };
    };
    const receive = {
      ...{ image: 'img', agent: 'golden1', ticket, tree: join(folder, 'sysclone/images/img') },
      ...{ layoutFile: join(folder, 'sysclone/scripts/img.layout.json'), layout: goldenLayouts.lvm, mounts },
      ...{ osvers: 'debian12', arch: 'x86_64', store: { agent: 'images', endpoints: [] } },
    };
    const send = { ticket, store: { agent: 'images', endpoints }, mounts };
    const [result] = await Promise.all([
      captureReceive.run(context('s', 'r', receive)),
      captureSend.run(context('g', 's', send)),
    ]);
    const { bytes } = (result as unknown as { capture: { bytes: number } }).capture;
    const seconds = (at: number): number => Number(((at - began) / 1000).toFixed(2));
    for (const side of ['r', 's']) rmSync(join(folder, `task-${side}${this.#count}`), { recursive: true, force: true });
    return { fetchSeconds: seconds(fetchedAt), seconds: seconds(Date.now()), bytes };
  }
}

/** An sshd on loopback for one key, in a folder of its own. */
async function sshDaemon(folder: string): Promise<{ readonly command: string; stop(): void }> {
  const dir = join(folder, 'ssh');
  mkdirSync(dir, { mode: 0o700 });
  for (const name of ['host', 'user']) {
    await step(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', join(dir, name)], { bound: 20 });
  }
  writeFileSync(join(dir, 'authorized'), readFileSync(join(dir, 'user.pub')), { mode: 0o600 });
  mkdirSync('/run/sshd', { recursive: true });
  const port = await freePort();
  const config = [
    ...[`ListenAddress 127.0.0.1:${port}`, `HostKey ${dir}/host`, `AuthorizedKeysFile ${dir}/authorized`],
    ...['PermitRootLogin prohibit-password', 'StrictModes no', 'UsePAM no', `PidFile ${dir}/pid`],
  ];
  writeFileSync(join(dir, 'config'), `${config.join('\n')}\n`);
  const child = spawn('/usr/sbin/sshd', ['-D', '-f', join(dir, 'config')], { stdio: 'ignore' });
  const quiet = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'LogLevel=ERROR'];
  const options = [...quiet, 'ConnectionAttempts=10'];
  const command = ['ssh', '-p', String(port), '-i', join(dir, 'user'), ...options.flatMap((one) => ['-o', one])];
  return { command: command.join(' '), stop: () => void child.kill() };
}
