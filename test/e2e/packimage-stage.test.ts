// What decides a packed image, and what must not: each input changed once. bound: 600 s
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  linkSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BlobStore } from '../../agent/store/blobs.ts';
import { run } from '../../shared/process/run.ts';
import { which } from '../../shared/process/which.ts';
import type { ImagePackSpec } from '../../shared/task/image-pack.ts';
import { StageBuilds } from '../lab/stage-builds.ts';

const why =
  process.getuid?.() === 0
    ? ['mmdebstrap', 'dpkg-deb', 'busybox', 'zstd', 'getfattr', 'mksquashfs', 'pigz', 'cpio'].find(
        (program) => which(program) === undefined,
      )
    : 'root';

interface Flip {
  readonly input: string;
  readonly packed: boolean;
  /** Changes the input; what it returns is asked for. */
  readonly act: (world: StageBuilds) => unknown;
  /** The tree is edited: only a build from nothing takes that back. */
  readonly edit?: true;
  /** The root file system stays the same, and so does the version. */
  readonly same?: true;
}

/** Content and nothing else: size and time stay. */
function rewrite(file: string, text: string): void {
  const { atimeMs, mtimeMs } = lstatSync(file);
  writeFileSync(file, text);
  utimesSync(file, atimeMs / 1000, mtimeMs / 1000);
}

const flips: readonly Flip[] = [
  { input: 'nothing', packed: false, act: () => undefined, same: true },
  {
    input: 'genimage, nothing changed',
    packed: false,
    act: (world) => world.build().then(() => undefined),
    same: true,
  },
  {
    input: 'a package more',
    packed: true,
    act: async (world) => {
      world.write('pkglist', 'hello\n#INCLUDE:more#\nextra\n');
      await world.build();
    },
  },
  {
    input: 'the program of the agent',
    packed: true,
    act: async (world) => {
      world.write('agent', 'agent 2\n');
      await world.build();
    },
  },
  {
    input: 'a file by hand',
    packed: true,
    edit: true,
    act: (world) => writeFileSync(world.tree('etc/exports'), '/install *\n'),
  },
  {
    input: 'the content of a file, its size and time kept',
    packed: true,
    edit: true,
    act: (world) => rewrite(world.tree('usr/bin/hello'), 'HELLO 1\n'),
  },
  { input: 'a file taken away', packed: true, edit: true, act: (world) => rmSync(world.tree('usr/bin/tools')) },
  {
    input: 'the mode of a file',
    packed: true,
    edit: true,
    act: (world) => chmodSync(world.tree('usr/bin/tools'), 0o4755),
  },
  {
    input: 'the owner of a file',
    packed: true,
    edit: true,
    act: (world) => chownSync(world.tree('usr/bin/tools'), 7, 7),
  },
  {
    input: 'the time of a file',
    packed: true,
    edit: true,
    act: (world) => utimesSync(world.tree('usr/bin/tools'), 1e9, 1e9),
  },
  {
    input: 'a file that was touched and is the same',
    packed: false,
    same: true,
    act: (world) => rewrite(world.tree('usr/bin/tools'), readFileSync(world.tree('usr/bin/tools'), 'utf8')),
  },
  {
    input: 'an attribute of a file',
    packed: true,
    edit: true,
    act: (world) =>
      run('setfattr', ['-n', 'security.lab', '-v', 'yes', world.tree('usr/bin/tools')]).then(() => undefined),
  },
  {
    input: 'a hard link in the place of a copy',
    packed: true,
    edit: true,
    act: (world) => {
      const [from, to] = [world.tree('usr/bin/tools'), world.tree('usr/bin/tools-2')];
      linkSync(from, to);
    },
  },
  { input: 'what is left out', packed: true, act: (world) => world.write('exlist', './usr/share/*\n') },
  { input: 'what is left out is left in', packed: true, act: (world) => world.write('exlist', '# nothing\n') },
  {
    input: 'another way to leave out the same',
    packed: false,
    act: (world) => world.write('exlist', '# as before\n-./usr/share/doc*\n'),
  },
  { input: 'a file of the synclist', packed: true, act: (world) => world.write('synced', 'synced 2\n') },
  { input: 'its mode', packed: true, act: (world) => world.write('synced', 'synced 1\n', 0o755) },
  {
    input: 'where it goes',
    packed: true,
    act: (world) => world.write('synclist', `${world.at('synced')} -> /etc/other\n`),
  },
  { input: 'no synclist', packed: true, act: () => ({ synclists: [] }) },
  {
    input: 'a file of the synclist that is not packed',
    packed: false,
    act: (world) => world.write('secret', 'secret 2\n', 0o600),
  },
  { input: 'the password of root', packed: false, act: () => ({ rootPassword: '$6$salt$other' }) },
  { input: 'no password of root, no secret file', packed: true, act: () => ({ rootPassword: '', synclists: [] }) },
  { input: 'the name of the image', packed: true, act: () => ({ image: 'another' }) },
  { input: 'the profile', packed: false, act: () => ({ info: { osvers: 'debian12', profile: 'service' } }) },
  { input: 'the compression', packed: true, act: () => ({ compress: 'gzip' }) },
  { input: 'the format: cpio', packed: true, act: () => ({ method: 'cpio', compress: 'pigz' }) },
  { input: 'the format: tar', packed: true, act: () => ({ method: 'tar', compress: 'pigz' }) },
  {
    input: 'the version of mksquashfs',
    packed: true,
    act: ({ lab }) => lab.version('mksquashfs', 'mksquashfs version 4.9 (2030/01/01)'),
  },
  {
    input: 'the initrd',
    packed: false,
    edit: true,
    act: (world) => writeFileSync(join(world.image, 'initrd-stateless.zst'), 'x'),
  },
  {
    input: 'the file in the image folder taken away',
    packed: false,
    same: true,
    act: (world) => rmSync(join(world.image, 'rootimg.sfs')),
  },
  {
    input: 'the file in the image folder changed',
    packed: false,
    same: true,
    act: (world) => writeFileSync(join(world.image, 'rootimg.sfs'), 'mine'),
  },
];

describe.skipIf(why !== undefined)(why === undefined ? 'the stage pack' : `the stage pack (needs ${why})`, () => {
  let world: StageBuilds;
  let first: Awaited<ReturnType<StageBuilds['pack']>>;

  /** As it was in the beginning. */
  const begin = async (fresh: boolean): Promise<void> => {
    await world.reset();
    await world.build({ fresh });
  };

  beforeAll(async () => {
    world = new StageBuilds(mkdtempSync(join(tmpdir(), 'hostler-pack-stage-')));
    await begin(false);
    first = await world.pack();
  }, 60_000);
  afterAll(() => world.dispose());

  it.each(flips)(
    '$input: packed anew $packed',
    async ({ packed, act, same, edit }) => {
      const spec = ((await act(world)) ?? {}) as Partial<ImagePackSpec>;
      world.forget();
      const result = await world.pack(spec);
      expect(world.packings()).toBe(packed ? 1 : 0);
      if (same === true) expect(result.manifest.digest).toBe(first.manifest.digest);
      else expect(result.manifest.digest).not.toBe(first.manifest.digest);
      const name = result.method === 'squashfs' ? 'rootimg.sfs' : `rootimg.${result.method}.gz`;
      expect(readFileSync(join(world.image, name)).length).toBe(result.root.bytes);
      // What came of an earlier packing is what a machine without any memory packs.
      const clean = await world.pack(spec, world.at('clean-home'));
      expect(clean.manifest.digest).toBe(result.manifest.digest);
      rmSync(world.at('clean-home'), { recursive: true, force: true });
      // And back again: it is still known.
      await begin(edit === true);
      world.forget();
      const again = await world.pack();
      expect([again.manifest.digest, world.packings()]).toEqual([first.manifest.digest, 0]);
    },
    60_000,
  );

  it('the same inputs give the same version elsewhere: other folders, another umask, nothing kept', async () => {
    const lists = world.at('lists-elsewhere');
    mkdirSync(lists);
    for (const name of ['pkglist', 'more', 'otherpkglist', 'post', 'named', 'exlist'])
      copyFileSync(world.at(name), join(lists, name));
    const rootimgdir = world.at('elsewhere');
    const home = world.at('home-elsewhere');
    const mask = process.umask(0o077);
    try {
      await world.build(
        {
          rootimgdir,
          pkglist: [join(lists, 'pkglist')],
          otherpkglist: [join(lists, 'otherpkglist')],
          postinstall: [`${join(lists, 'post')} ${join(lists, 'named')}`],
        },
        home,
      );
      process.umask(0o077);
      const packed = await world.pack({ rootimgdir, exlist: [join(lists, 'exlist')] }, home);
      expect(packed).toEqual(first);
    } finally {
      process.umask(mask);
    }
  }, 60_000);

  it('packs anew when the file is nowhere as it was', async () => {
    const store = new BlobStore(world.home);
    rmSync(join(world.image, 'rootimg.sfs'));
    rmSync(store.path(first.root.digest));
    writeFileSync(store.path(first.root.digest), 'damaged');
    world.forget();
    expect((await world.pack()).root.digest).toBe(first.root.digest);
    expect(world.packings()).toBe(1);
    expect(await store.verify(first.root.digest)).toBe(true);
  }, 60_000);

  it('takes the file of the image folder when the store has lost it', async () => {
    const store = new BlobStore(world.home);
    rmSync(store.path(first.root.digest));
    world.forget();
    expect((await world.pack()).root.digest).toBe(first.root.digest);
    expect(world.packings()).toBe(0);
    expect(existsSync(store.path(first.root.digest))).toBe(true);
  }, 60_000);
});
