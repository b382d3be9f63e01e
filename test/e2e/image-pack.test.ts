// What packing keeps, refuses and signs, and a signed image that boots. bound: 600 s, with virtual machines
import { createHash, randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fetchNodeFiles } from '../../agent/boot/boot-server.ts';
import { applyNodeFiles, parseNodeFiles } from '../../agent/boot/node-files.ts';
import { Lookup } from '../../agent/services/boot/lookup.ts';
import { answerNodeFiles } from '../../agent/services/boot/node-files.ts';
import type { BootState } from '../../agent/services/boot/state.ts';
import { BlobStore } from '../../agent/store/blobs.ts';
import { peerIdentity } from '../../shared/identity/certificate.ts';
import {
  imageStatement,
  isSigned,
  newSigningKey,
  publicKeyOf,
  signStatement,
} from '../../shared/identity/image-statement.ts';
import { serverTlsOptionsFor } from '../../shared/identity/tls.ts';
import { run } from '../../shared/process/run.ts';
import { which } from '../../shared/process/which.ts';
import type { ImagePackResult } from '../../shared/task/image-pack.ts';
import type { ImageTestSpec } from '../../shared/task/image-test.ts';
import { createTestAuthority } from '../lab/pki.ts';
import { ImageTasks } from '../lab/image-tasks.ts';
import { smallImage } from '../lab/small-image.ts';
import { dist } from '../tools/real-manager.ts';

const able = process.getuid?.() === 0 && which('mksquashfs') !== undefined;
const bootable = able && which('qemu-system-x86_64') !== undefined && process.arch === 'x64';
const { signal } = new AbortController();

let home = '';
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'hostler-pack-'));
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

describe.skipIf(!able)('packimage', () => {
  it('refuses while another build or packing works on the folder, and goes on when that ended', async () => {
    const tasks = new ImageTasks(join(home, 'busy'), {});
    const rootimgdir = join(home, 'busy/image');
    await smallImage(rootimgdir);
    writeFileSync(join(rootimgdir, '.lock.pid'), '4711\n');
    const stop = new AbortController();
    const held = run('flock', [join(rootimgdir, '.lock'), 'sh', '-c', 'echo held; sleep 60'], {
      signal: stop.signal,
      onLine: () => undefined,
    });
    held.catch(() => undefined);
    const refused = async (): Promise<string> => {
      const task = await tasks.pack(rootimgdir);
      return task.result.then(
        () => '',
        (error: unknown) => String(error),
      );
    };
    expect(await refused()).toContain(
      `seems there is another genimage/packimage/rmimage process 4711 running on root image dir "${rootimgdir}"`,
    );
    stop.abort();
    await held.catch(() => undefined);
    expect(await refused()).toBe('');
  });

  it('says how far it is: bytes of how many, and the rate', async () => {
    const tasks = new ImageTasks(join(home, 'far'), {});
    const rootimgdir = join(home, 'far/image');
    const tree = await smallImage(rootimgdir);
    writeFileSync(join(tree, 'big'), randomBytes(64_000_000));
    const packing = await tasks.pack(rootimgdir, { compress: 'xz' });
    await packing.result;
    const said = packing.stages.filter((line) => /^pack: [\d.]+ of [\d.]+ MB, [\d.]+ MB\/s/.test(line));
    expect(said.length, packing.stages.join('\n')).toBeGreaterThan(1);
  }, 60_000);

  it('stops on a full disk with one sentence; the image that was there stays', async (context) => {
    const place = join(home, 'full');
    mkdirSync(place);
    const mounted = await run('mount', ['-t', 'tmpfs', '-o', 'size=90m', 'full', place], { allowExit: 'any' });
    if (mounted.exit !== 0) return context.skip('no tmpfs can be mounted here');
    try {
      const tasks = new ImageTasks(join(home, 'full-home'), {});
      const rootimgdir = join(place, 'image');
      const tree = await smallImage(rootimgdir);
      const before = await (await tasks.pack(rootimgdir)).result;
      const product = (): string =>
        createHash('sha256')
          .update(readFileSync(join(rootimgdir, 'rootimg.sfs')))
          .digest('hex');
      expect(product()).toBe(before.root.digest);
      await run('sh', ['-c', 'head -c 60m /dev/urandom >"$1"', 'sh', join(tree, 'big')]);
      const failed = await (await tasks.pack(rootimgdir)).result.then(() => '', String);
      expect(failed).toContain('was stopped because the disk is full');
      expect(product()).toBe(before.root.digest);
      expect(readdirSync(rootimgdir).filter((name) => /packing|new/.test(name))).toEqual([]);
    } finally {
      await run('umount', [place]);
    }
  });
});

describe.skipIf(!able)('what must not lie in an image', () => {
  it('is brought to its own node over mutual TLS, and to nobody else', async () => {
    const folder = join(home, 'files');
    const store = new BlobStore(folder);
    const tasks = new ImageTasks(folder, {});
    const rootimgdir = join(folder, 'image');
    const tree = await smallImage(rootimgdir);
    writeFileSync(join(tree, 'etc/shadow'), 'root:$6$salt$hash:1::::::\n', { mode: 0o640 });
    writeFileSync(join(folder, 'secret'), 'key', { mode: 0o600 });
    writeFileSync(join(folder, 'list'), `${join(folder, 'secret')} -> /etc/munge/munge.key\n`);
    const packed = await (await tasks.pack(rootimgdir, { synclists: [join(folder, 'list')] })).result;
    const unpacked = join(folder, 'unpacked');
    await run('unsquashfs', ['-quiet', '-no-progress', '-dest', unpacked, store.path(packed.root.digest)]);
    expect(existsSync(join(unpacked, 'etc/munge/munge.key'))).toBe(false);
    // Who may read the manifest cannot name the files, and so cannot ask a store for them.
    expect(readFileSync(store.path(packed.manifest.digest), 'utf8')).not.toContain(packed.files?.digest);
    expect(readFileSync(join(unpacked, 'etc/shadow'), 'utf8')).toBe('root:*:1::::::\n');
    expect(existsSync(join(unpacked, 'etc/systemd/system/basic.target.wants/hostler-files.service'))).toBe(false);

    const authority = await createTestAuthority();
    const boot = await authority.issue('mn', { roles: ['boot'] });
    const profile = { state: 's', ipxe: '#!ipxe\n', authorise: true, image: packed.root.digest };
    const node = { macs: ['52:54:00:00:00:01'], ip: '10.0.0.1', hostname: 'n1', profile: 'p' };
    const state = {
      generation: 1,
      nodes: { n1: node, n2: { ...node, profile: 'q' } },
      profiles: { p: { ...profile, files: packed.files?.digest ?? '' }, q: profile },
      retired: {},
    } as unknown as BootState;
    const parts = { lookup: new Lookup(state), blobs: store };
    const server = createServer(
      { ...serverTlsOptionsFor(boot), requestCert: true, rejectUnauthorized: false },
      (request, response) => {
        const { socket } = request;
        const peer =
          socket instanceof TLSSocket && socket.authorized ? peerIdentity(socket.getPeerCertificate()) : undefined;
        void answerNodeFiles(parts, request, response, peer);
      },
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const secure = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const words = { server: 'http://127.0.0.1', secure, authority: authority.fingerprint, node: '' };
    try {
      const as = async (name: string, kind: 'node' | 'service'): Promise<string | undefined> =>
        fetchNodeFiles(words, await authority.issue(name, { kind }), signal);
      const text = (await as('n1', 'node')) ?? '';
      await applyNodeFiles(parseNodeFiles(text), unpacked);
      expect(readFileSync(join(unpacked, 'etc/munge/munge.key'), 'utf8')).toBe('key');
      expect(readFileSync(join(unpacked, 'etc/shadow'), 'utf8')).toBe('root:$6$salt$hash:1::::::\n');
      expect(await as('n2', 'node')).toBeUndefined();
      await expect(as('n3', 'node')).rejects.toThrow('no image is served to this node');
      await expect(as('n1', 'service')).rejects.toThrow('needs the certificate of a node');
      const stranger = await (await createTestAuthority()).issue('n1', { kind: 'node' });
      const posing = { ...stranger, authority: authority.pem };
      await expect(fetchNodeFiles(words, posing, signal)).rejects.toThrow();
      // Never by plain HTTP.
      expect(parts.lookup.mayLoad(packed.root.digest, Date.now())).toBe(true);
      expect(parts.lookup.mayLoad(packed.files?.digest ?? '', Date.now())).toBe(false);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  it.each([
    ['/usr/bin/node', 'packages'],
    ['/opt/hostler/node/bin/node', 'site'],
  ])('has its unit where there is such a thing, run by %s (%s)', async (program, from) => {
    const tasks = new ImageTasks(join(home, `unit-${from}`), {});
    const rootimgdir = join(home, `unit-${from}/image`);
    const tree = await smallImage(rootimgdir);
    if (from === 'site') {
      mkdirSync(join(tree, 'opt/hostler/node/bin'), { recursive: true });
      writeFileSync(join(tree, program), '');
    }
    writeFileSync(join(tree, 'etc/shadow'), 'root:$6$salt$hash:1::::::\n', { mode: 0o640 });
    const packed = await (await tasks.pack(rootimgdir)).result;
    const unpacked = join(home, `unit-${from}/unpacked`);
    const image = new BlobStore(join(home, `unit-${from}`)).path(packed.root.digest);
    await run('unsquashfs', ['-no-progress', '-dest', unpacked, image]);
    const wanted = join(unpacked, 'etc/systemd/system/basic.target.wants/hostler-files.service');
    expect(readlinkSync(wanted)).toBe('/usr/lib/systemd/system/hostler-files.service');
    const unit = join(unpacked, 'usr/lib/systemd/system/hostler-files.service');
    const text = readFileSync(unit, 'utf8');
    expect(text).toContain(`ExecStart=${program} /opt/hostler/hostler-agent --boot-files\n`);
    // Services begin after basic.target, and that waits for this one.
    expect(text).toMatch(/^DefaultDependencies=no\nAfter=sysinit\.target\nBefore=basic\.target/m);
    if (which('systemd-analyze') === undefined) return;
    writeFileSync(unit, text.replace(program, '/bin/true'));
    const { stdout, stderr } = await run('systemd-analyze', ['verify', unit], { allowExit: 'any' });
    expect(`${stdout}${stderr}`).not.toContain('hostler-files');
  });
});

describe.skipIf(!bootable)('an image in a machine of its own', () => {
  const privateKey = newSigningKey();
  const key = publicKeyOf(privateKey);
  let tasks: ImageTasks;
  let packed: ImagePackResult;

  beforeAll(async () => {
    tasks = new ImageTasks(join(home, 'vm'), {});
    const rootimgdir = join(home, 'vm/image');
    await smallImage(rootimgdir, { bootable: join(dist, 'hostler-agent') });
    packed = await (await tasks.pack(rootimgdir, { key })).result;
  }, 120_000);

  const specOf = (signature: string, health: string): ImageTestSpec => ({
    version: 'small@test',
    arch: 'x86_64',
    method: packed.method,
    kernel: packed.kernel,
    initrd: packed.initrd,
    root: packed.root,
    manifest: packed.manifest.digest,
    signature,
    from: { agent: 'self', endpoints: [] },
    health,
    words: '',
    timeoutSeconds: 280,
  });

  it('says hello, passes its script, and reaches nobody', async () => {
    expect(packed.checked).toBe(true);
    const statement = imageStatement(packed.manifest.digest, packed.root.digest);
    const signature = signStatement(statement, privateKey);
    expect(isSigned(statement, signature, key)).toBe(true);
    const health = [
      'for address in 10.0.2.2 10.0.2.3 192.0.2.1; do',
      '  wget -T 3 -q -O /dev/null http://$address/ && { echo "$address answers"; exit 3; }',
      'done',
      'echo "all is well with $(hostname)"',
    ];
    const task = await tasks.test(specOf(signature, `${health.join('\n')}\n`));
    const result = await task.result;
    expect(result.output).toContain('all is well with image-test');
    const text = readFileSync(result.console, 'latin1');
    expect(text).toContain('the signature of the image is right');
    expect(text).toContain('digest is right');
    expect(text).toContain('small: init runs');
  }, 300_000);

  it('is not started when somebody else signed it', async () => {
    const signature = signStatement(imageStatement(packed.manifest.digest, packed.root.digest), newSigningKey());
    const task = await tasks.test(specOf(signature, ''));
    await expect(task.result).rejects.toThrow(/not signed by the manager that this initrd belongs to: refusing it/);
    expect(task.logs.join('\n')).toContain('the initrd says: the signature of the image is wrong');
  }, 300_000);
});
