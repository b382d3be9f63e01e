import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { saveIdentity } from '../../agent/identity/identity-files.ts';
import { startServices } from '../../agent/services/index.ts';
import { sendFile } from '../../agent/store/send-file.ts';
import { captureReceive } from '../../agent/tasks/clone/capture/receive.ts';
import { captureSend } from '../../agent/tasks/clone/capture/send.ts';
import type { TaskContext } from '../../agent/tasks/types.ts';
import { tlsOptionsFor } from '../../shared/identity/tls.ts';
import type { Json } from '../../shared/verb/effect.ts';
import { goldenLayouts } from '../lab/golden-layouts.ts';
import { goldenTree } from '../lab/golden-tree.ts';
import { createTestAuthority, type TestAuthority } from '../lab/pki.ts';
import { root as sources, step } from '../tools/step.ts';
import { median, type Bench, type Figures } from './measure.ts';
import { freePort } from './transfer.ts';

const bound = 900;

/**
 * Capture and recapture beside rsync over ssh of the same tree, fill beside a plain `curl | zstd | tar`, one to four
 * nodes filled at once. On this machine alone, without virtual machines: emulation would measure itself.
 */
export const cloneBench: Bench = {
  name: 'clone',
  bound,
  run: async (signal) => {
    if (process.getuid?.() !== 0) throw new Error('needs root: trees with owners and capabilities');
    const folder = mkdtempSync(join(tmpdir(), 'hbc-'));
    try {
      const tree = join(folder, 'machine');
      await timed(['cp', '--archive', await goldenTree(), tree], signal);
      await lived(tree, signal);
      const authority = await createTestAuthority();
      return {
        ...(await captures(folder, tree, authority, signal)),
        ...(await fills(folder, tree, authority, signal)),
      };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

/** Seconds. */
async function timed(argv: readonly string[], signal: AbortSignal): Promise<number> {
  signal.throwIfAborted();
  const { ok, output, seconds } = await step(argv, { bound: 600 });
  if (!ok) throw new Error(`${argv.join(' ')} failed: ${output.slice(-500)}`);
  return Number(seconds.toFixed(2));
}

/** As on a machine that was used: many small files beside what was installed. */
async function lived(tree: string, signal: AbortSignal): Promise<void> {
  const script = `import os,sys
for n in range(20000):
    folder=f"{sys.argv[1]}/srv/small/{n//200}"
    os.makedirs(folder,exist_ok=True)
    open(f"{folder}/{n}","w").write(str(n)*20)`;
  await timed(['python3', '-c', script, tree], signal);
}

async function captures(folder: string, tree: string, authority: TestAuthority, signal: AbortSignal): Promise<Figures> {
  const [golden, store] = [join(folder, 'g'), join(folder, 's')];
  await saveIdentity(golden, await authority.issue('golden1', { roles: ['golden'] }));
  const identity = await authority.issue('images', { roles: ['store'] });
  await saveIdentity(store, identity);
  const services = await startServices({
    name: 'images',
    roles: ['store'],
    home: store,
    installDir: join(folder, 'install'),
    tftpDir: join(folder, 'tftpboot'),
    identity: () => identity,
    serve: [{ host: '127.0.0.1', port: 0 }],
    report: () => undefined,
    log: () => undefined,
  });
  const ssh = await sshDaemon(folder);
  let count = 0;
  const capture = async (): Promise<{ seconds: number; bytes: number }> => {
    count += 1;
    const ticket = count.toString(16).padStart(32, '0');
    const endpoints = services.storeEndpoints().filter((one) => one.startsWith('https:'));
    const mounts = [{ at: '/', from: tree }];
    const began = Date.now();
    let fetchedAt = began;
    const context = (home: string, side: string): TaskContext => {
      const dir = join(folder, `task-${side}${count}`);
      mkdirSync(dir);
      return {
        ...{ id: `${side}${count}`, spec: null, dir, home, installDir: join(folder, 'install') },
        ...{ tftpDir: join(folder, 'tftpboot'), correlation: 'bench', signal },
        log: (line) => {
          if (line.startsWith('pass ')) fetchedAt = Date.now();
        },
        progress: () => undefined,
      };
    };
    const spec = {
      ...{ image: 'img', agent: 'golden1', ticket, tree: join(folder, 'sysclone/images/img') },
      ...{ layoutFile: join(folder, 'sysclone/scripts/img.layout.json'), layout: goldenLayouts.lvm, mounts },
      ...{ osvers: 'debian12', arch: 'x86_64', store: { agent: 'images', endpoints: [] } },
    };
    const send = { ticket, store: { agent: 'images', endpoints }, mounts };
    const [result] = await Promise.all([
      captureReceive.run({ ...context(store, 'r'), spec: JSON.parse(JSON.stringify(spec)) as Json }),
      captureSend.run({ ...context(golden, 's'), spec: send }),
    ]);
    const { bytes } = (result as unknown as { capture: { bytes: number } }).capture;
    return { seconds: (fetchedAt - began) / 1000, bytes };
  };
  const plain = ['rsync', '-aHAXS', '--numeric-ids', '--delete', '-e', ssh.command, `root@127.0.0.1:${tree}/`];
  try {
    const rsyncFirst = await timed([...plain, join(folder, 'plain/')], signal);
    const first = await capture();
    upgraded(tree, 'openssh-server');
    const rsyncAgain = await timed([...plain, join(folder, 'plain/')], signal);
    const again = await capture();
    return {
      captureSeconds: first.seconds,
      captureMB: Number((first.bytes / 1e6).toFixed(1)),
      rsyncOverSshSeconds: rsyncFirst,
      captureRatio: Number((first.seconds / rsyncFirst).toFixed(2)),
      recaptureSeconds: again.seconds,
      recaptureMB: Number((again.bytes / 1e6).toFixed(2)),
      recapturePercentOfBytes: Number(((again.bytes / first.bytes) * 100).toFixed(2)),
      rsyncAgainSeconds: rsyncAgain,
    };
  } finally {
    ssh.stop();
    await services.stop();
  }
}

/** Every file of a package is another one. */
function upgraded(tree: string, name: string): void {
  const list = readFileSync(join(tree, `var/lib/dpkg/info/${name}.list`), 'utf8')
    .trim()
    .split('\n');
  for (const path of [...list, '/var/lib/dpkg/status']) {
    try {
      appendFileSync(join(tree, path), '\n');
    } catch {
      // A folder, or left out of the tree.
    }
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
  const options = [
    'StrictHostKeyChecking=no',
    'UserKnownHostsFile=/dev/null',
    'LogLevel=ERROR',
    'ConnectionAttempts=10',
  ];
  const command = ['ssh', '-p', String(port), '-i', join(dir, 'user'), ...options.flatMap((one) => ['-o', one])];
  return { command: command.join(' '), stop: () => void child.kill() };
}

/** The installer's own `fill`, run here, beside the same without its checks and its resuming. */
async function fills(folder: string, tree: string, authority: TestAuthority, signal: AbortSignal): Promise<Figures> {
  const packed = join(folder, 'tree.tar.zst');
  const flags = ['--numeric-owner', '--acls', '--xattrs', '--xattrs-include=*'];
  await timed(['tar', '-c', '-C', tree, ...flags, '-I', 'zstd -q -3 -T0', '-f', packed, '.'], signal);
  const [digest = ''] = (await step(['sha256sum', packed], { bound: 60 })).output.split(' ');
  const identity = await authority.issue('boot1', { roles: ['boot', 'store'] });
  const { ca, cert, key } = tlsOptionsFor(identity, 'boot1');
  const answer = (request: IncomingMessage, response: ServerResponse): void =>
    void sendFile(request, response, packed, { tag: digest });
  const server = createServer({ cert, key }, answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const address = `https://127.0.0.1:${port}`;
  const text = readFileSync(join(sources, 'agent/tasks/clone/installer/clone.sh'), 'utf8');
  const functions = text.slice(0, text.indexOf('# shellcheck source=/dev/null\n. /clone/plan.sh'));
  /** What is to be run to fill one folder; each has its own place for what the installer keeps in /clone. */
  const filler = (name: string): { argv: string[]; to: string } => {
    const [own, to] = [join(folder, `clone-${name}`), join(folder, `to-${name}`)];
    for (const dir of [own, to]) {
      rmSync(dir, { recursive: true, force: true });
      mkdirSync(dir);
    }
    writeFileSync(join(own, 'ca.pem'), ca);
    writeFileSync(join(own, 'auth'), 'Authorization: none\n');
    const call = `secure=${address} booter=boot1\nfill ${to} ${digest} ${statSync(packed).size}\n`;
    writeFileSync(join(own, 'fill.sh'), functions.replaceAll('/clone/', `${own}/`) + call);
    return { argv: ['busybox', 'sh', join(own, 'fill.sh')], to };
  };
  const plain = (): string[] => {
    const { to } = filler('plain');
    const get = `curl -s --cacert ${join(folder, 'clone-plain/ca.pem')} --connect-to ::127.0.0.1:${port} https://boot1/`;
    return ['sh', '-c', `${get} | zstd -q -d -c | tar -x -f - -C ${to} --same-owner -p ${flags.join(' ')}`];
  };
  try {
    const taken: { ours: number[]; plain: number[] } = { ours: [], plain: [] };
    for (let turn = 0; turn < 3; turn += 1) {
      taken.ours.push(await timed(filler('0').argv, signal));
      taken.plain.push(await timed(plain(), signal));
    }
    const together = async (nodes: number): Promise<number> =>
      Math.max(
        ...(await Promise.all(Array.from({ length: nodes }, (_, node) => timed(filler(`${node}`).argv, signal)))),
      );
    const one = median(taken.ours);
    return {
      treeMB: Number((statSync(packed).size / 1e6).toFixed(1)),
      fillSeconds: one,
      plainFillSeconds: median(taken.plain),
      fillRatio: Number((one / median(taken.plain)).toFixed(2)),
      lastOfTwoOverOne: Number(((await together(2)) / one).toFixed(2)),
      lastOfFourOverOne: Number(((await together(4)) / one).toFixed(2)),
    };
  } finally {
    server.close();
    server.closeAllConnections();
  }
}
