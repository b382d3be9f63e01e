// bound: 300 s
import { appendFile, mkdir, readFile, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cloneLook } from '../../agent/tasks/clone/generations/look.ts';
import { cloneUse } from '../../agent/tasks/clone/generations/use.ts';
import { captureReceive } from '../../agent/tasks/clone/capture/receive.ts';
import { clonePack } from '../../agent/tasks/clone/pack.ts';
import { imageDiff } from '../../agent/tasks/image-diff/kind.ts';
import { BlobStore } from '../../agent/store/blobs.ts';
import { checkedFacts } from '../../shared/clone/facts.ts';
import { run } from '../../shared/process/run.ts';
import type { CloneLookResult } from '../../shared/task/clone-tree.ts';
import type { ImageDiffResult } from '../../shared/task/image-diff.ts';
import type { ImagePackResult } from '../../shared/task/image-pack.ts';
import { differencesOf, dpkgStatus, GoldenEnds, type Captured } from '../lab/golden-ends.ts';

/* Generations of a golden image, by real programs on this machine's own file system. */

let ends: GoldenEnds;
let root: string;
let first: Captured;
let second: Captured;

beforeAll(async () => {
  ends = await GoldenEnds.start();
  root = await ends.machine('machine');
});
afterAll(() => ends.stop());

const mounts = () => [{ at: '/', from: root }];
const generations = () => join(ends.dir, 'sysclone/images/.generations/img');
const id = (version: Pick<ImagePackResult, 'manifest'>): string => version.manifest.digest.slice(0, 12);
/** What would colour a terminal, break its line and is no UTF-8; and one that would turn its letters about. */
const oddName = (tree: string): Buffer => Buffer.concat([Buffer.from(`${tree}/srv/\u001b[31m\n`), Buffer.from([0xff])]);
const turned = 'srv/a\u202eb';
const inode = async (path: string): Promise<number> => (await stat(path)).ino;

describe('captures of one image', { timeout: 120_000 }, () => {
  it('make a work tree, a generation and a packed version; nothing of the machine itself is in them', async () => {
    const { result } = await ends.capture('a1'.repeat(16), mounts());
    first = result;
    expect(result.capture.bytes).toBeGreaterThan(4_000_000);
    for (const tree of [ends.tree, join(generations(), id(first))]) {
      expect((await differencesOf(root, tree)).filter((path) => !path.startsWith('etc/systemimager'))).toEqual([
        'etc/machine-id',
        'etc/ssh/ssh_host_ed25519_key',
        'tmp/worthless',
        'var/lib/hostler/agent/',
        'var/lib/hostler/agent/identity.pem',
      ]);
    }
    const inTar = await run('tar', ['-tf', new BlobStore(join(ends.dir, 'images')).path(first.root.digest), '--zstd']);
    expect(inTar.stdout).toContain('./srv/one');
    expect(inTar.stdout).not.toMatch(/machine-id|ssh_host|identity|autoinstallscript/);
  });

  it('send again only what changed, and share the rest on the disk', async () => {
    await writeFile(join(root, 'srv/new'), 'new\n');
    await writeFile(join(root, 'var/lib/dpkg/status'), dpkgStatus('one', '2.0'));
    await rm(join(root, 'srv/sparse'));
    await writeFile(oddName(root), 'odd\n');
    await writeFile(join(root, turned), 'turned\n');
    const { result, log } = await ends.capture('a2'.repeat(16), mounts());
    second = result;
    expect(result.capture.files).toBe(4);
    expect(result.capture.bytes).toBeLessThan(first.capture.bytes / 100);
    expect(log.join('\n')).toMatch(/pass 1: 4 files, \d+ bytes came over the line/);
    expect(await readFile(join(ends.tree, 'srv/new'), 'utf8')).toBe('new\n');
    expect(await inode(join(generations(), id(first), 'usr/bin/large'))).toBe(
      await inode(join(generations(), id(second), 'usr/bin/large')),
    );
    // An edit in place must never reach what was kept.
    expect(await inode(join(ends.tree, 'usr/bin/large'))).not.toBe(
      await inode(join(generations(), id(second), 'usr/bin/large')),
    );
  });

  it('are refused while another one of the image runs, and say so', async () => {
    const stop = new AbortController();
    const one = captureReceive.run(ends.context('images', ends.receiveSpec('b1'.repeat(16), mounts()), stop.signal));
    const ended = one.catch((error: unknown) => error);
    const folder = join(ends.dir, 'sysclone/images/.img.capture');
    for (let tries = 0; tries < 100 && (await stat(folder).catch(() => undefined)) === undefined; tries += 1)
      await new Promise((resolve) => setTimeout(resolve, 50));
    await expect(
      captureReceive.run(ends.context('images', ends.receiveSpec('b2'.repeat(16), mounts()))),
    ).rejects.toThrow(/img is being captured already, by process \d+\. Wait for its end/);
    stop.abort(new Error('enough'));
    await ended;
    // What was there before is as it was.
    expect(await readFile(join(ends.tree, 'srv/new'), 'utf8')).toBe('new\n');
  });
});

describe('hostler image', { timeout: 120_000 }, () => {
  it('diff tells packages, files, layout and overrides of two golden versions', async () => {
    const side = (version: Captured): object => ({
      root: version.root,
      manifest: version.manifest,
      bom: version.bom,
      method: 'clone',
      from: { agent: 'images', endpoints: [] },
    });
    const spec = { images: [side(first), side(second)], most: 100 };
    const found = (await imageDiff.run(ends.context('images', spec))) as unknown as ImageDiffResult;
    expect(found.packages).toEqual(['~ one:amd64 1.0 -> 2.0']);
    expect(found.files.map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual([
      '+ ./srv/\\033[31m\\012\\377',
      '+ ./srv/a\\342\\200\\256b',
      '+ ./srv/new',
      '- ./srv/sparse',
      '~ ./var/lib/dpkg/status',
    ]);
  });

  it('use brings the tree of an earlier version back, also when only its packed file is left', async () => {
    await cloneUse.run(ends.context('images', ends.versionSpec(first)));
    await expect(stat(join(ends.tree, 'srv/new'))).rejects.toThrow();
    expect((await stat(join(ends.tree, 'srv/sparse'))).blocks).toBeLessThan(100);
    expect(await differencesOf(join(generations(), id(first)), ends.tree)).toEqual([]);
    await rm(join(generations(), id(second)), { recursive: true });
    await rm(join(generations(), `${id(second)}.json`));
    await cloneUse.run(ends.context('images', ends.versionSpec(second)));
    expect((await differencesOf(root, ends.tree)).filter((path) => !/^(etc|tmp|var\/lib\/hostler)/.test(path))).toEqual(
      [],
    );
    const { stdout } = await run('getcap', [join(ends.tree, 'srv/able')]);
    expect(stdout).toContain('cap_net_raw');
    // Packed, unpacked and copied.
    expect(await readFile(oddName(ends.tree), 'utf8')).toBe('odd\n');
  });

  it('use refuses while edits are in no version, and packimage makes a version of them', async () => {
    await appendFile(join(ends.tree, 'srv/new'), 'edited in place\n');
    await utimes(join(ends.tree, 'srv/new'), 1_100_000_000, 1_100_000_000);
    await expect(cloneUse.run(ends.context('images', ends.versionSpec(first)))).rejects.toThrow(
      /was edited since it was packed \(srv\/new\)\. packimage img first/,
    );
    expect(await readFile(join(generations(), id(second), 'srv/new'), 'utf8')).toBe('new\n');
    const packed = (await clonePack.run(ends.context('images', ends.packSpec()))) as unknown as ImagePackResult;
    expect(packed.root.digest).not.toBe(second.root.digest);
    expect(await readFile(join(generations(), id(packed), 'srv/new'), 'utf8')).toContain('edited');
    // What the next installation is filled with.
    const stream = new BlobStore(join(ends.dir, 'images')).path(packed.root.digest);
    expect((await run('tar', ['-xO', '--zstd', '-f', stream, './srv/new'])).stdout).toContain('edited in place');
    await cloneUse.run(ends.context('images', ends.versionSpec(first)));
    await cloneUse.run(ends.context('images', ends.versionSpec(second)));
  });

  it('show finds layout, packages, generations, overrides in their order, and edits', async () => {
    const above = join(ends.dir, 'sysclone');
    await mkdir(join(above, 'overrides/compute/etc'), { recursive: true });
    await writeFile(join(above, 'overrides/compute/etc/motd'), 'compute\n');
    await mkdir(join(above, 'scripts/post-install'), { recursive: true });
    await writeFile(join(above, 'scripts/post-install/50all.motd'), '#!/bin/sh\n', { mode: 0o755 });
    await writeFile(join(above, 'scripts/post-install/50all.motd~'), '#!/bin/sh\n');
    await appendFile(join(ends.tree, 'srv/new'), 'again\n');
    await appendFile(oddName(ends.tree), 'again\n');
    const bom = second.bom?.digest ?? '';
    const look = async (version: Captured, bill: string): Promise<CloneLookResult> =>
      (await cloneLook.run(
        ends.context('images', { ...ends.versionSpec(version), bom: bill }),
      )) as unknown as CloneLookResult;
    const found = await look(second, bom);
    expect(found.packages).toEqual([{ name: 'one', version: '2.0', arch: 'amd64' }]);
    expect(found.changedPieces).toEqual(['override compute', 'script 50all.motd']);
    expect(found.edits).toEqual(['srv/\\#033[31m\\#012\\#377', 'srv/new']);
    expect(found.generations.filter(({ work }) => work).map((one) => one.id)).toEqual([id(second)]);
    expect(found.layout.groups.map(({ name }) => name)).toEqual(['vg0']);
    const packed = (await clonePack.run(ends.context('images', ends.packSpec()))) as unknown as Captured;
    const now = await look(packed, packed.bom?.digest ?? '');
    expect(now.changedPieces).toEqual([]);
    expect(now.pieces.map(({ kind, name }) => `${kind} ${name}`)).toEqual(['override compute', 'script 50all.motd']);
    const facts = checkedFacts(
      JSON.parse(await readFile(new BlobStore(join(ends.dir, 'images')).path(packed.manifest.digest), 'utf8')),
    );
    expect(facts.image).toBe('img');
  });

  it('keeps a tree with edits that no version has when a capture takes its place, and says so', async () => {
    const before = (await ends.capture('c1'.repeat(16), mounts())).result;
    expect(before.capture.edited).toBeUndefined();
    await appendFile(join(ends.tree, 'srv/new'), 'only here\n');
    const { result } = await ends.capture('c2'.repeat(16), mounts());
    const folder = join(ends.dir, 'sysclone/images/.img.edited');
    expect(result.capture.edited).toEqual({ paths: ['srv/new'], folder });
    expect(await readFile(join(folder, 'srv/new'), 'utf8')).toContain('only here');
    expect(await readFile(join(ends.tree, 'srv/new'), 'utf8')).toBe('new\n');
  });

  it('keeps no tree of a version that the store has no more', async () => {
    await new BlobStore(join(ends.dir, 'images')).remove(first.root.digest);
    await writeFile(join(ends.tree, 'srv/more'), 'x');
    await clonePack.run(ends.context('images', ends.packSpec()));
    const names = await readdir(generations());
    expect(names).not.toContain(id(first));
    expect(names).toContain(id(second));
  });
});
