import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BlobStore } from '../../../../agent/store/blobs.ts';
import { isPostscriptName } from '../../../../agent/store/postscripts.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

let home: string;
let store: BlobStore;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'hostler-blobs-'));
  store = new BlobStore(home);
});
afterEach(() => rm(home, { recursive: true, force: true }));

describe('BlobStore', () => {
  it('keeps a moved file under its digest, read-only, and takes it from where it was', async () => {
    const file = join(home, 'image');
    await writeFile(file, 'content');
    const blob = await store.putFile(file, 'move');
    expect(blob).toEqual({ digest: sha256('content'), bytes: 7 });
    expect(await readFile(store.path(blob.digest), 'utf8')).toBe('content');
    expect((await stat(store.path(blob.digest))).mode & 0o777).toBe(0o444);
    await expect(stat(file)).rejects.toThrow();
  });

  it('does not change with a file that was copied in', async () => {
    const file = join(home, 'kernel');
    await writeFile(file, 'one');
    const { digest } = await store.putFile(file, 'copy');
    await writeFile(file, 'two');
    expect(await store.verify(digest)).toBe(true);
  });

  it('keeps a blob that is wanted again, unless it was changed', async () => {
    const file = join(home, 'image');
    await writeFile(file, 'one');
    const { digest } = await store.putFile(file, 'copy');
    expect(await store.keepAgain(digest, { wantedBy: home })).toBe(true);
    // Its task may not have reported yet.
    expect(await store.removeUnlessWanted(digest, 0)).toBeUndefined();
    await rm(store.path(digest));
    await writeFile(store.path(digest), 'two');
    expect(await store.keepAgain(digest, {})).toBe(false);
    expect(await store.keepAgain(sha256('none'), {})).toBe(false);
  });

  it('refuses content that is not what its digest says, and leaves nothing', async () => {
    const source = Readable.from([Buffer.from('something else')]);
    await expect(store.putStream(source, { digest: sha256('this') })).rejects.toMatchObject({ code: 'data_loss' });
    expect(await store.size(sha256('something else'))).toBeUndefined();
    const file = join(home, 'f');
    await writeFile(file, 'x');
    await expect(store.putFile(file, 'move', { digest: sha256('y') })).rejects.toMatchObject({ code: 'data_loss' });
    expect(await readFile(file, 'utf8')).toBe('x');
  });

  it('refuses a stream that is shorter or longer than announced', async () => {
    for (const bytes of [3, 5]) {
      await expect(store.putStream(Readable.from([Buffer.from('four')]), { bytes })).rejects.toMatchObject({
        code: 'data_loss',
      });
    }
  });

  it('refuses what the disk cannot take before a byte is written', async () => {
    await expect(store.putStream(Readable.from([]), { bytes: 2 ** 55 })).rejects.toMatchObject({
      code: 'resource_exhausted',
    });
  });

  it('finds a blob that went bad', async () => {
    const { digest } = await store.putStream(Readable.from([Buffer.from('good')]));
    await rm(store.path(digest));
    await writeFile(store.path(digest), 'bad!');
    expect(await store.verify(digest)).toBe(false);
  });

  it('lists, removes and never leaves its folder', async () => {
    const blob = await store.putStream(Readable.from([Buffer.from('a'), Buffer.from('b')]));
    const listed = [];
    for await (const one of store.list()) listed.push(one);
    expect(listed).toEqual([blob]);
    await store.remove(blob.digest);
    expect(await store.size(blob.digest)).toBeUndefined();
    expect(() => store.path('../../../etc/passwd')).toThrow(/digest/);
  });
});

describe('removeUnlessWanted', () => {
  const hour = 3_600_000;
  const put = async (wantedBy?: string): Promise<string> => {
    await writeFile(join(home, 'f'), 'content');
    return (await store.putFile(join(home, 'f'), 'copy', wantedBy === undefined ? {} : { wantedBy })).digest;
  };

  it('takes away what was put in once', async () => {
    expect(await store.removeUnlessWanted(await put(), hour)).toBe(7);
  });

  it('keeps what somebody put in again, for an hour', async () => {
    await put();
    const digest = await put();
    expect(await store.removeUnlessWanted(digest, hour)).toBeUndefined();
    expect(await store.removeUnlessWanted(digest, 0)).toBe(7);
  });

  it('keeps what a task put in again until its result is known', async () => {
    const task = await mkdtemp(join(home, 'task-'));
    await put();
    const digest = await put(task);
    const mark = join(home, 'store/again', digest);
    const longAgo = new Date(Date.now() - 10 * hour);
    await utimes(mark, longAgo, longAgo);
    expect(await store.removeUnlessWanted(digest, hour)).toBeUndefined();
    await rm(task, { recursive: true });
    expect(await store.removeUnlessWanted(digest, hour)).toBe(7);
  });
});

describe('isPostscriptName', () => {
  it.each(['syslog', 'custom/site.sh', 'a-b_c.d+e'])('takes %s', (name) => expect(isPostscriptName(name)).toBe(true));
  it.each(['', '..', '../x', 'a/../b', '/etc/passwd', 'a//b', '.hidden', 'a b', 'a\nb', 'a\0', 'x'.repeat(300)])(
    'refuses %j',
    (name) => expect(isPostscriptName(name)).toBe(false),
  );
});
