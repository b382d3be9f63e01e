import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { saveIdentity } from '../../agent/identity/identity-files.ts';
import { captureReceive } from '../../agent/tasks/clone/capture/receive.ts';
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

/**
 * The ends of a capture on this machine, each a process of its own, a folder in place of the golden client; beside it an
 * sshd for plain rsync.
 */
export class CaptureSite {
  readonly folder: string;
  readonly #tree: string;
  readonly #images: End;
  readonly #golden: End;
  readonly #endpoints: readonly string[];
  readonly #ssh: { readonly command: string; stop(): void };
  #count = 0;

  private constructor(
    folder: string,
    tree: string,
    ends: { readonly images: End; readonly golden: End; readonly endpoints: readonly string[] },
    ssh: { command: string; stop(): void },
  ) {
    this.folder = folder;
    this.#tree = tree;
    this.#images = ends.images;
    this.#golden = ends.golden;
    this.#endpoints = ends.endpoints;
    this.#ssh = ssh;
  }

  /** `folder`: short, since sockets lie in it. `tree`: what is captured. */
  static async start(folder: string, tree: string, authority: TestAuthority): Promise<CaptureSite> {
    await saveIdentity(join(folder, 'g'), await authority.issue('golden1', { roles: ['golden'] }));
    await saveIdentity(join(folder, 's'), await authority.issue('images', { roles: ['store'] }));
    const [images, golden] = [new End('serve', join(folder, 's')), new End('send', join(folder, 'g'))];
    const endpoints = (await images.line()) as readonly string[];
    await golden.line();
    return new CaptureSite(folder, tree, { images, golden, endpoints }, await sshDaemon(folder));
  }

  stop(): void {
    this.#ssh.stop();
    this.#images.stop();
    this.#golden.stop();
  }

  /** What an administrator would type in place of ours, with what ours keeps too. */
  async rsync(to: string, signal: AbortSignal): Promise<number> {
    const argv = ['rsync', '-aHAXS', '--numeric-ids', '--delete', '-e', this.#ssh.command];
    return timed([...argv, `root@127.0.0.1:${this.#tree}/`, `${join(this.folder, to)}/`], signal);
  }

  async capture(signal: AbortSignal): Promise<Captured> {
    this.#count += 1;
    const ticket = this.#count.toString(16).padStart(8, '0').padEnd(32, '0');
    const mounts = [{ at: '/', from: this.#tree }];
    const began = Date.now();
    let fetchedAt = began;
    const { folder } = this;
    const context = (spec: object): TaskContext => {
      const dir = join(folder, `task-${this.#count}`);
      mkdirSync(dir);
      return {
        ...{
          id: `r${this.#count}`,
          spec: JSON.parse(JSON.stringify(spec)) as Json,
          dir,
          home: join(folder, 's'),
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
    const send = { ticket, store: { agent: 'images', endpoints: this.#endpoints }, mounts };
    const [result] = await Promise.all([captureReceive.run(context(receive)), this.#golden.task(send)]);
    const { bytes } = (result as unknown as { capture: { bytes: number } }).capture;
    const seconds = (at: number): number => Number(((at - began) / 1000).toFixed(2));
    rmSync(join(folder, `task-${this.#count}`), { recursive: true, force: true });
    return { fetchSeconds: seconds(fetchedAt), seconds: seconds(Date.now()), bytes };
  }
}

/** clone-end.ts. */
class End {
  readonly #child;
  /** Keeps what was said before somebody asks. */
  readonly #lines: AsyncIterator<string>;

  constructor(what: 'serve' | 'send', home: string) {
    const script = join(import.meta.dirname, 'clone-end.ts');
    const argv = ['--import', 'tsx', script, what, home];
    this.#child = spawn(process.execPath, argv, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** What it says next. */
  async line(): Promise<unknown> {
    const next = await this.#lines.next();
    if (next.done === true) throw new Error('an end of the capture ended');
    return JSON.parse(next.value);
  }

  async task(spec: object): Promise<void> {
    const done = this.line();
    this.#child.stdin.write(`${JSON.stringify(spec)}\n`);
    await done;
  }

  stop(): void {
    this.#child.stdin.end();
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
