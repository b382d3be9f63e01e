import { createHash } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer, get, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Boots } from '../../agent/services/boot/boots.ts';
import { answer } from '../../agent/services/boot/http.ts';
import { Lookup } from '../../agent/services/boot/lookup.ts';
import { merge, type BootState } from '../../agent/services/boot/state.ts';
import { BlobStore } from '../../agent/store/blobs.ts';
import { eventually } from '../../deploy/lab/wait.ts';
import { imageScript } from '../../shared/boot/ipxe.ts';
import type { ImageManifest, ImagePackResult } from '../../shared/task/image-pack.ts';
import { ImageTasks } from '../lab/image-tasks.ts';
import { smallImage, smallTime, status } from '../lab/small-image.ts';
import { commandsFor, type Command } from '../tools/commands.ts';
import { RealManager } from '../tools/real-manager.ts';

const able = process.getuid?.() === 0;
const image = 'debian12-x86_64-netboot-small';

interface Listed {
  readonly name: string;
  readonly state: readonly string[];
  readonly root: string;
}

describe.skipIf(!able)('versions of an image', () => {
  let manager: RealManager;
  let run: Command;
  let folder = '';
  let tree = '';

  /** Standard output of a command that succeeds. */
  const done = async (name: string, ...args: string[]): Promise<string> => {
    const { exit, stdout, stderr } = await run(name, args);
    expect({ exit, stderr: exit === 0 ? '' : stderr, stdout: exit === 0 ? '' : stdout }).toEqual({
      exit: 0,
      stderr: '',
      stdout: '',
    });
    return stdout;
  };
  const failing = async (name: string, ...args: string[]): Promise<string> => {
    const { exit, stdout, stderr } = await run(name, args);
    expect(exit).not.toBe(0);
    return `${stdout}${stderr}`;
  };
  const list = async (): Promise<Listed[]> => {
    const text = await done('hostler', 'images', '--json', image);
    return text
      .split('\n')
      .filter((line) => line !== '')
      .flatMap((line) => JSON.parse(line) as Listed | Listed[]);
  };
  const edit = (path: string, text: string): void => {
    const file = join(tree, path);
    writeFileSync(file, text);
    utimesSync(file, smallTime, smallTime);
  };
  const pack = async (...args: string[]): Promise<string> => {
    const said = await done('packimage', ...args, image);
    return /The image is (\S+);/.exec(said)?.[1] ?? said;
  };
  const blob = (digest: string): string => join(manager.home, 'agent/store/blobs', digest.slice(0, 2), digest);
  const manifestOf = async (version: string): Promise<ImageManifest> => {
    const shown = JSON.parse(await done('hostler', 'image', 'show', version, '--json')) as Record<string, string>;
    return JSON.parse(readFileSync(blob(shown['image.manifest'] ?? ''), 'utf8')) as ImageManifest;
  };

  beforeAll(async () => {
    manager = await RealManager.start(['--agent-roles', 'build,store']);
    run = commandsFor(manager.env);
    folder = join(manager.home, 'images');
    tree = await smallImage(join(folder, 'small'));
    await eventually(
      'the agent is there',
      async () => (await run('hostler', ['agents'])).stdout.includes('connected'),
      {
        timeoutMs: 30_000,
      },
    );
    writeFileSync(join(folder, 'list'), 'bash\n');
    await done(
      ...(['mkdef', '-t', 'osimage', image, 'imagetype=linux', 'osname=Linux', 'osvers=debian12'] as const),
      ...['osarch=x86_64', 'profile=small', 'provmethod=netboot', `pkglist=${join(folder, 'list')}`],
      `rootimgdir=${join(folder, 'small')}`,
    );
    await done('chdef', '-t', 'site', 'imageversions=2');
  }, 60_000);

  afterAll(async () => {
    await manager.dispose();
  });

  it('says what is in it, and nothing of who and when', async () => {
    const version = await pack();
    const manifest = await manifestOf(version);
    expect(manifest.packages).toEqual([
      { name: 'bash', version: '5.2-1', arch: 'amd64' },
      { name: 'libc6', version: '2.36-9', arch: 'amd64' },
    ]);
    expect(Object.keys(manifest.tools)).toEqual(['hostler', 'mksquashfs']);
    const bom = JSON.parse(readFileSync(blob(manifest.files['bom']?.digest ?? ''), 'utf8')) as {
      spdxVersion: string;
      packages: { name: string; versionInfo: string }[];
    };
    expect(bom.spdxVersion).toBe('SPDX-2.3');
    expect(bom.packages.map(({ name, versionInfo }) => [name, versionInfo])).toEqual(
      manifest.packages.map(({ name, version: own }) => [name, own]),
    );
    expect(JSON.stringify(manifest)).not.toMatch(/root@|20[2-9]\d-\d\d-\d\d/);
    expect(await pack()).toBe(version);
    expect(await done('hostler', 'image', 'show', image)).toMatch(/packed .* by root on /);
  });

  it('goes back and forth between versions, and compares them', async () => {
    const first = (await list())[0]?.name ?? '';
    edit('etc/motd', 'two\n');
    writeFileSync(
      join(tree, 'var/lib/dpkg/status'),
      status([
        ['bash', '5.2-2'],
        ['tree', '2.1'],
      ]),
    );
    const second = await pack();
    expect(second).not.toBe(first);
    const said = await run('hostler', ['imgdiff', first, second]);
    expect(said.exit).toBe(1);
    expect(said.stdout).toContain('~ bash:amd64 5.2-1 -> 5.2-2');
    expect(said.stdout).toContain('+ tree:amd64 2.1');
    expect(said.stdout).toContain('- libc6:amd64 2.36-9');
    expect(said.stdout).toMatch(/\+ \.\/etc\/motd f 644 0:0 4 bytes/);
    expect((await run('imgdiff', [first, first])).exit).toBe(0);
    await done('hostler', 'image', 'rollback', image);
    expect((await list()).find(({ state }) => state.includes('current'))?.name).toBe(first);
    expect(await failing('hostler', 'image', 'rollback', image)).toContain('no version older than the current one');
    await done('hostler', 'image', 'use', second);
    expect((await list()).find(({ state }) => state.includes('current'))?.name).toBe(second);
    expect(await done('lsdef', '-t', 'osimage', image)).toContain(second);
  });

  it('keeps what is current, pinned or among the newest, and takes the files of others away', async () => {
    const [second, first] = await list();
    await done('hostler', 'image', 'pin', first?.name ?? '');
    edit('etc/motd', 'three\n');
    await pack();
    edit('etc/motd', 'four\n');
    const fourth = await pack();
    edit('etc/motd', 'five\n');
    const fifth = await pack();
    // imageversions=2, and the pinned one.
    expect((await list()).map(({ name }) => name)).toEqual([fifth, fourth, first?.name]);
    expect(existsSync(blob(second?.root ?? ''))).toBe(false);
    expect(existsSync(blob(first?.root ?? ''))).toBe(true);
    expect(await failing('hostler', 'image', 'rm', fifth)).toContain('it is the current one');
    await done('hostler', 'image', 'unpin', first?.name ?? '');
    await done('hostler', 'image', 'gc');
    expect((await list()).map(({ name }) => name)).toEqual([fifth, fourth]);
    await done('hostler', 'image', 'rm', fourth);
    // Kernel and initrd are everybody's.
    expect(await done('hostler', 'image', 'verify', image)).toContain('is whole');
  });

  it('notices a file of the store that was changed, and copies that were are nobody’s loss', async () => {
    appendFileSync(join(folder, 'small/rootimg.sfs'), 'x');
    expect(await done('hostler', 'image', 'verify', image)).toContain('is whole');
    const root = (await list())[0]?.root ?? '';
    chmodSync(blob(root), 0o644);
    const bytes = readFileSync(blob(root));
    writeFileSync(blob(root), Buffer.concat([bytes, Buffer.from('x')]));
    expect(await failing('hostler', 'image', 'verify', image)).toContain('was changed');
    writeFileSync(blob(root), bytes);
  });

  it('goes into a bundle that is verified offline, and comes back under another name', async () => {
    const bundle = join(folder, 'out.tgz');
    await done('imgexport', image, bundle);
    expect(await done('hostler', 'image', 'verify', bundle)).toContain('is whole and signed');
    const other = '00'.repeat(32);
    expect(await failing('hostler', 'image', 'verify', bundle, '--key', other)).toContain('not of this key');
    expect(await done('imgimport', bundle, '-f', 'copy')).toContain('debian12-x86_64-netboot-copy');
    expect(await done('lsdef', '-t', 'osimage', 'debian12-x86_64-netboot-copy')).toContain('profile=copy');
    expect(await done('hostler', 'image', 'verify', 'debian12-x86_64-netboot-copy')).toContain('is whole');
  });

  it.each(['zstd', 'lz4', 'pigz', 'xz'])('so does an archive, packed with %s', async (compress) => {
    await done('packimage', '-m', 'cpio', '-c', compress, image);
    const bundle = join(folder, `archive.${compress}.tgz`);
    await done('imgexport', image, bundle);
    expect(await done('hostler', 'image', 'verify', bundle)).toContain('is whole and signed');
    expect(await done('imgimport', bundle, '-f', 'archive')).toContain('debian12-x86_64-netboot-archive');
    expect(await done('hostler', 'image', 'verify', 'debian12-x86_64-netboot-archive')).toContain('is whole');
  });

  it.each([
    ['an absolute path', ['--absolute-names', '/etc/hostname'], 'is an absolute path'],
    ['a way out', ['--absolute-names', '--transform=s,^,../../,', 'list'], 'leads out of the bundle'],
    ['a link', ['link'], 'is neither a file nor a folder'],
    ['no manifest', ['list'], 'Failed to find manifest.xml file in image bundle'],
  ])('refuses a bundle with %s', async (_, args, why) => {
    const made = await import('../../shared/process/run.ts');
    await made.run('ln', ['-sfn', '/etc', join(folder, 'link')]);
    const bundle = join(folder, 'bad.tgz');
    await made.run('tar', ['--create', '--gzip', '--file', bundle, '--directory', folder, ...args]);
    expect(await failing('imgimport', bundle)).toContain(why);
    expect((await run('imgimport', [join(folder, 'list')])).exit).not.toBe(0);
    expect(await failing('imgimport', '/nosuch.tgz')).toContain('Cannot find /nosuch.tgz');
  });

  it('refuses what would be nothing, or is not whole', async () => {
    const exlist = join(folder, 'everything.exlist');
    writeFileSync(exlist, './*\n/\n');
    await done('chdef', '-t', 'osimage', image, `exlist=${exlist}`);
    const before = await list();
    expect(await failing('packimage', image)).toContain('leaves no /sbin/init');
    expect(await list()).toEqual(before);
    await done('chdef', '-t', 'osimage', image, 'exlist=');
  });

  it('goes whole', async () => {
    const roots = (await list()).map(({ root }) => root);
    await done('rmimage', image);
    expect(existsSync(join(folder, 'small'))).toBe(false);
    expect(await list()).toEqual([]);
    // The copies that were imported still have them.
    expect(roots.every((root) => existsSync(blob(root)))).toBe(true);
    for (const profile of ['archive', 'copy']) await done('rmimage', '-x', `debian12-x86_64-netboot-${profile}`);
    expect(roots.some((root) => existsSync(blob(root)))).toBe(false);
    expect(await failing('lsdef', '-t', 'osimage', 'debian12-x86_64-netboot-copy')).toContain('Could not find');
  });
});

describe.skipIf(!able)('twenty readers while images are packed and switched', () => {
  const home = join('/tmp', `hostler-readers-${process.pid}`);
  const store = new BlobStore(home);
  const tasks = new ImageTasks(home, {});
  let server: Server | undefined;
  let state: BootState | undefined;

  afterAll(() => {
    server?.closeAllConnections();
    server?.close();
    rmSync(home, { recursive: true, force: true });
  });

  const serve = (packed: ImagePackResult): void => {
    const words = [`hostler.image=${packed.root.digest}`];
    const script = { kernel: packed.kernel.digest, initrd: packed.initrd.digest, words };
    const ipxe = imageScript({ address: '127.0.0.1', httpPort: 80 }, 'netboot', script);
    const { kernel, initrd } = script;
    const profile = { state: 'netboot', ipxe, authorise: true, image: packed.root.digest, kernel, initrd };
    const spec = {
      service: {
        interfaces: ['lo'],
        httpPort: 80,
        httpsPort: 443,
        networks: [],
        domain: '',
        manager: '',
        authority: '',
        nameservers: [],
      },
      nodes: { n1: { macs: ['52:54:00:00:00:01'], ip: '127.0.0.1', hostname: 'n1', profile: 'p' } },
      profiles: { p: profile },
      blobs: [],
      allNodes: true,
    };
    ({ state } = merge(state, spec, Date.now()));
  };
  const fetched = (path: string): Promise<{ status: number; body: Buffer }> =>
    new Promise((resolve, reject) => {
      const { port } = server?.address() as AddressInfo;
      get({ host: '127.0.0.1', port, path, agent: false }, (response) => {
        const pieces: Buffer[] = [];
        response.on('data', (piece: Buffer) => pieces.push(piece));
        response.on('error', reject);
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(pieces) }));
      }).on('error', reject);
    });

  it('get whole old or whole new ones', async () => {
    mkdirSync(home, { recursive: true });
    const rootimgdir = join(home, 'image');
    const tree = await smallImage(rootimgdir);
    const one = await (await tasks.pack(rootimgdir)).result;
    serve(one);
    const boots = new Boots(
      home,
      () => undefined,
      () => undefined,
    );
    const parts = {
      lookup: () => (state === undefined ? undefined : new Lookup(state)),
      boots,
      blobs: store,
      authority: () => '',
      loaders: () => home,
      address: '127.0.0.1',
      agent: 'test',
    };
    server = createServer((request, response) => void answer(parts, request, response).catch(() => response.destroy()));
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
    const whole = new Set([one.root.digest]);
    const seen: string[] = [];
    let stop = false;
    const reader = async (): Promise<void> => {
      while (!stop) {
        const script = (await fetched('/boot/52:54:00:00:00:01.ipxe')).body.toString();
        const digest = /hostler\.image=([0-9a-f]{64})/.exec(script)?.[1] ?? '';
        const { status: code, body } = await fetched(`/blobs/${digest}`);
        expect(code).toBe(200);
        const found = createHash('sha256').update(body).digest('hex');
        expect(found).toBe(digest);
        seen.push(found);
      }
    };
    const readers = Array.from({ length: 20 }, reader);
    for (let round = 0; round < 4; round += 1) {
      writeFileSync(join(tree, 'etc/motd'), `round ${round}\n`);
      const packed = await (await tasks.pack(rootimgdir)).result;
      whole.add(packed.root.digest);
      const before = seen.length;
      serve(packed);
      await eventually('everybody read on', () => Promise.resolve(seen.length > before + 40), { timeoutMs: 30_000 });
    }
    stop = true;
    await Promise.all(readers);
    expect(new Set(seen)).toEqual(whole);
  }, 120_000);
});
