import { mkdirSync } from 'node:fs';
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startServices, type Services } from '../../agent/services/index.ts';
import { saveIdentity } from '../../agent/identity/identity-files.ts';
import { captureReceive } from '../../agent/tasks/clone/capture/receive.ts';
import { captureSend } from '../../agent/tasks/clone/capture/send.ts';
import { cloneServe } from '../../agent/tasks/clone/sync/serve.ts';
import { cloneSync } from '../../agent/tasks/clone/sync/sync.ts';
import type { TaskContext } from '../../agent/tasks/types.ts';
import { run } from '../../shared/process/run.ts';
import type { CaptureMount, Fetched } from '../../shared/task/capture.ts';
import type { CloneSyncResult } from '../../shared/task/clone-sync.ts';
import type { ImagePackResult } from '../../shared/task/image-pack.ts';
import type { Json } from '../../shared/verb/effect.ts';
import { lvm } from '../unit/shared/layout/samples.ts';
import { createTestAuthority, type TestAuthority } from './pki.ts';

export type TestContext = TaskContext & { readonly lines: string[] };
export type Captured = ImagePackResult & { readonly capture: Fetched };

/**
 * A golden client, an image server and nodes on this machine: folders in place of machines, real rsyncs and tars, mutual
 * TLS between the agents' ends.
 */
export class GoldenEnds {
  readonly dir: string;
  readonly authority: TestAuthority;
  readonly #services: Services;
  #tasks = 0;

  private constructor(dir: string, authority: TestAuthority, services: Services) {
    this.dir = dir;
    this.authority = authority;
    this.#services = services;
  }

  static async start(): Promise<GoldenEnds> {
    const dir = await mkdtemp(join(tmpdir(), 'hg-'));
    const authority = await createTestAuthority();
    const identity = await authority.issue('images', { roles: ['store'] });
    const home = join(dir, 'images');
    await saveIdentity(home, identity);
    const services = await startServices({
      name: 'images',
      roles: ['store'],
      home,
      installDir: join(dir, 'install'),
      tftpDir: join(dir, 'tftpboot'),
      identity: () => identity,
      serve: [{ host: '127.0.0.1', port: 0 }],
      report: () => undefined,
      log: () => undefined,
    });
    const ends = new GoldenEnds(dir, authority, services);
    await ends.join('golden1', ['golden']);
    return ends;
  }

  async stop(): Promise<void> {
    await this.#services.stop();
    await rm(this.dir, { recursive: true, force: true });
  }

  /** An agent of that name. */
  async join(name: string, roles: readonly string[]): Promise<void> {
    await saveIdentity(join(this.dir, name), await this.authority.issue(name, { roles: [...roles] }));
  }

  endpoints(): readonly string[] {
    return this.#services.storeEndpoints().filter((one) => one.startsWith('https:'));
  }

  get tree(): string {
    return join(this.dir, 'sysclone/images/img');
  }

  context(agent: string, spec: unknown, signal = AbortSignal.timeout(240_000)): TestContext {
    const lines: string[] = [];
    this.#tasks += 1;
    const dir = join(this.dir, `task-${this.#tasks}`);
    mkdirSync(dir, { recursive: true });
    return {
      id: `t.${this.#tasks}`,
      spec: spec as Json,
      dir,
      home: join(this.dir, agent),
      installDir: join(this.dir, 'install'),
      tftpDir: join(this.dir, 'tftpboot'),
      correlation: 'test',
      signal,
      log: (line) => lines.push(line),
      progress: () => undefined,
      lines,
    };
  }

  receiveSpec(ticket: string, mounts: readonly CaptureMount[], image = 'img'): object {
    return {
      image,
      agent: 'golden1',
      ticket,
      tree: join(this.dir, 'sysclone/images', image),
      layoutFile: join(this.dir, `sysclone/scripts/${image}.layout.json`),
      layout: lvm,
      mounts,
      osvers: 'debian12',
      arch: 'x86_64',
      store: { agent: 'images', endpoints: [] },
    };
  }

  packSpec(image = 'img'): object {
    const { tree, layoutFile, osvers, arch, store } = this.receiveSpec('', [], image) as Record<string, unknown>;
    return { image, tree, layout: layoutFile, osvers, arch, netdrivers: [], store };
  }

  versionSpec({ root, manifest }: Pick<ImagePackResult, 'root' | 'manifest'>): object {
    const store = { agent: 'images', endpoints: [] };
    return { image: 'img', tree: this.tree, root: root.digest, facts: manifest.digest, store };
  }

  /** Both sides of a capture of these folders. */
  async capture(ticket: string, mounts: readonly CaptureMount[]): Promise<{ result: Captured; log: string[] }> {
    const stop = new AbortController();
    const context = this.context('images', this.receiveSpec(ticket, mounts));
    const store = { agent: 'images', endpoints: this.endpoints() };
    const sending = captureSend.run(this.context('golden1', { ticket, store, mounts }, stop.signal));
    sending.catch(() => {}); // looked at by what the other side gets
    try {
      const result = (await captureReceive.run(context)) as unknown as Captured;
      return { result, log: context.lines };
    } finally {
      stop.abort(new Error('over'));
      await sending.catch(() => {});
    }
  }

  /** `updatenode -S` of one node, whose root is a folder. */
  async sync(
    node: string,
    groups: readonly string[],
    version: Pick<ImagePackResult, 'root' | 'manifest' | 'files'>,
    target: string,
  ): Promise<CloneSyncResult> {
    const ticket = `${(this.#tasks + 16).toString(16)}${'c'.repeat(30)}`;
    const stop = new AbortController();
    const takers = [{ node, groups, ticket }];
    const pieces = version.files?.digest ?? '';
    const serving = cloneServe.run(
      this.context('images', { version: this.versionSpec(version), pieces, takers }, stop.signal),
    );
    const ended = serving.catch((error: unknown) => error);
    const store = { agent: 'images', endpoints: this.endpoints() };
    try {
      const spec = { image: 'img', root: version.root.digest, ticket, store, target };
      return (await cloneSync.run(this.context(node, spec))) as CloneSyncResult;
    } finally {
      stop.abort(new Error('over'));
      await ended;
    }
  }

  /** A small machine with what a careless copy would lose; it has a kernel, so that it can be packed. */
  async machine(name: string): Promise<string> {
    const root = join(this.dir, name);
    for (const folder of ['etc/ssh', 'boot', 'data', 'var/lib/hostler/agent', 'var/lib/dpkg', 'srv', 'tmp', 'usr/bin'])
      await mkdir(join(root, folder), { recursive: true });
    await mkdir(join(root, 'lib/modules/6.1.0/kernel'), { recursive: true });
    await writeFile(join(root, 'lib/modules/6.1.0/modules.dep'), '');
    await writeFile(join(root, 'boot/vmlinuz-6.1.0'), 'not a kernel\n');
    await writeFile(join(root, 'etc/fstab'), 'UUID=ABCD-1234 /boot/efi vfat defaults 0 2\n');
    await writeFile(join(root, 'etc/machine-id'), 'feedfacefeedfacefeedfacefeedface\n');
    await writeFile(join(root, 'etc/hostname'), 'golden1\n');
    await writeFile(join(root, 'etc/ssh/ssh_host_ed25519_key'), 'secret\n', { mode: 0o600 });
    await writeFile(join(root, 'var/lib/hostler/agent/identity.pem'), 'secret\n', { mode: 0o600 });
    await writeFile(join(root, 'var/lib/dpkg/status'), dpkgStatus('one', '1.0'));
    await writeFile(join(root, 'tmp/worthless'), 'x');
    await writeFile(join(root, 'srv/one'), 'linked\n');
    await run('ln', [join(root, 'srv/one'), join(root, 'srv/two')]);
    await writeFile(Buffer.concat([Buffer.from(`${root}/srv/line\n`), Buffer.from([0xff, 0xfe])]), 'odd name\n');
    await run('cp', ['/usr/bin/true', join(root, 'srv/able')]);
    await run('setcap', ['cap_net_raw=ep', join(root, 'srv/able')]);
    await run('setfacl', ['-m', 'u:1:r', join(root, 'srv/one')]);
    await run('cp', ['/bin/busybox', join(root, 'usr/bin/busybox')]);
    await run('truncate', ['-s', '20M', join(root, 'srv/sparse')]);
    await writeFile(join(root, 'usr/bin/large'), Buffer.alloc(4_000_000, 'large'));
    await utimes(join(root, 'usr/bin/large'), 1_000_000_000, 1_000_000_000);
    return root;
  }
}

export function dpkgStatus(name: string, version: string): string {
  return `Package: ${name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: ${version}\n\n`;
}

/** Paths in which two trees differ in anything but times of folders. */
export async function differencesOf(a: string, b: string): Promise<string[]> {
  const { stdout } = await run('rsync', ['-naHAXi', '--numeric-ids', '--delete', `${a}/`, `${b}/`]);
  return stdout
    .split('\n')
    .filter((line) => line !== '' && !/^\.d\.\.t/.test(line))
    .map((line) => line.replace(/^\S+\s+/, ''))
    .sort();
}
