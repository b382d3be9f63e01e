// bound: 400 s
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { captureReceive } from '../../agent/tasks/clone/capture/receive.ts';
import { captureSend } from '../../agent/tasks/clone/capture/send.ts';
import { eventually } from '../../deploy/lab/wait.ts';
import { run } from '../../shared/process/run.ts';
import { differencesOf, GoldenEnds, type Captured } from '../lab/golden-ends.ts';

/* Captures on bad days: real programs, a small file system in memory for the disk that is full. */

let ends: GoldenEnds;
let root = '';

beforeAll(async () => {
  ends = await GoldenEnds.start();
});
afterAll(() => ends.stop());
beforeEach(async () => {
  if (root !== '') await rm(root, { recursive: true, force: true });
  root = await ends.machine('machine');
});

const mounts = () => [{ at: '/', from: root }];
const own = /^(?:etc\/(?:machine-id|ssh|systemimager)|tmp|var\/lib\/hostler)/;

/** One side of a capture, to be stopped at any moment. */
function send(ticket: string): { readonly stop: () => void; readonly ended: Promise<unknown> } {
  const controller = new AbortController();
  const store = { agent: 'images', endpoints: ends.endpoints() };
  const context = ends.context('golden1', { ticket, store, mounts: mounts() }, controller.signal);
  const ended = captureSend.run(context).catch((error: unknown) => error);
  return { stop: () => controller.abort(new Error('killed')), ended };
}

describe('a capture', { timeout: 120_000 }, () => {
  it('goes on where it was when the golden client goes away in the middle and comes back', async () => {
    for (let at = 0; at < 6; at += 1) await writeFile(join(root, `srv/part-${at}`), randomBytes(30_000_000));
    const ticket = '91'.repeat(16);
    const context = ends.context('images', ends.receiveSpec(ticket, mounts()));
    const receiving = captureReceive.run(context) as unknown as Promise<Captured>;
    receiving.catch(() => {});
    const first = send(ticket);
    const folder = join(ends.dir, 'sysclone/images/.img.capture/srv');
    const parts = async (): Promise<number> =>
      (await readdir(folder).catch(() => [])).filter((name) => /^part-\d$/.test(name)).length;
    for (let tries = 0; tries < 1000 && (await parts()) < 2; tries += 1) await delay(5);
    first.stop();
    await first.ended;
    const before = await parts();
    expect(before).toBeGreaterThanOrEqual(2);
    await delay(500);
    // No image is there yet, and none is half there.
    await expect(stat(ends.tree)).rejects.toThrow();
    const second = send(ticket);
    const result = await receiving;
    second.stop();
    await second.ended;
    expect(context.lines.join('\n')).toMatch(/the line to golden1 broke \(rsync \d+\); going on with what is here/);
    // What had come is not fetched again.
    expect(result.capture.bytes).toBeLessThan((6 - before + 1) * 30_100_000 + 5_000_000);
    expect((await differencesOf(root, ends.tree)).filter((path) => !own.test(path))).toEqual([]);
  });

  it('goes on from what an earlier one had fetched before it was killed', async () => {
    for (let at = 0; at < 4; at += 1) await writeFile(join(root, `srv/piece-${at}`), randomBytes(30_000_000));
    const stop = new AbortController();
    const one = captureReceive.run(ends.context('images', ends.receiveSpec('92'.repeat(16), mounts()), stop.signal));
    const ended = one.catch((error: unknown) => error);
    const sender = send('92'.repeat(16));
    const folder = join(ends.dir, 'sysclone/images/.img.capture/srv');
    for (let tries = 0; tries < 1000; tries += 1) {
      if ((await readdir(folder).catch((): string[] => [])).includes('piece-1')) break;
      await delay(5);
    }
    stop.abort(new Error('killed'));
    await ended;
    sender.stop();
    await sender.ended;
    const { result } = await ends.capture('93'.repeat(16), mounts());
    expect(result.capture.bytes).toBeLessThan(3 * 30_100_000);
    expect((await differencesOf(root, ends.tree)).filter((path) => !own.test(path))).toEqual([]);
  });

  it('takes a machine that goes on writing, and says when it was never quiet', async () => {
    // A process of its own, so that it does not wait for what it disturbs.
    const busy = new AbortController();
    const program = `const fs = require('node:fs'); let count = 0; setInterval(() => {
      fs.appendFileSync('growing', count + '\\n');
      for (let at = 0; at < 60; at += 1) fs.writeFileSync('busy-' + at, String(count) + 'x'.repeat(count % 50));
      count += 1; }, 20)`;
    const writing = run(process.execPath, ['-e', program], { cwd: join(root, 'srv'), signal: busy.signal }).catch(
      () => undefined,
    );
    try {
      await eventually('it writes', () => existsSync(join(root, 'srv/busy-59')), { timeoutMs: 30_000, everyMs: 20 });
      const { result, log } = await ends.capture('94'.repeat(16), mounts());
      expect(result.capture).toMatchObject({ passes: 4, quiet: false });
      expect(log.join('\n')).toContain('golden1 was never quiet');
      expect(await readFile(join(ends.tree, 'srv/growing'), 'utf8')).toMatch(/^0\n1\n/);
    } finally {
      busy.abort(new Error('enough'));
      await writing;
    }
  });

  it('brings names of any bytes over, and compares and keeps them', async () => {
    const name = (text: string, ...bytes: number[]): Buffer =>
      Buffer.concat([Buffer.from(`${root}/srv/`), Buffer.from(text), Buffer.from(bytes)]);
    const names = [
      name('a\nb'),
      name('latin-', 0xe4),
      name(' lead'),
      name('*?[x]'),
      name('-n'),
      name('back\\slash'),
      name('\t'),
    ];
    for (const one of names) await writeFile(one, one);
    await ends.capture('95'.repeat(16), mounts());
    for (const one of names) {
      const there = Buffer.concat([Buffer.from(ends.tree), one.subarray(Buffer.byteLength(root))]);
      expect(await readFile(there)).toEqual(one);
    }
  });
});

describe('an image server whose disk is full', { timeout: 120_000 }, () => {
  const images = () => join(ends.dir, 'sysclone/images');

  it('says so, keeps the image that was there, and goes on when there is room', async (context) => {
    await rm(images(), { recursive: true, force: true });
    await mkdir(images(), { recursive: true });
    try {
      await run('mount', ['-t', 'tmpfs', '-o', 'size=60M', 'tmpfs', images()]);
    } catch {
      context.skip('nothing can be mounted here');
    }
    try {
      const { result } = await ends.capture('a6'.repeat(16), mounts());
      await writeFile(join(root, 'srv/more'), randomBytes(60_000_000));
      await expect(ends.capture('a7'.repeat(16), mounts())).rejects.toMatchObject({
        code: 'resource_exhausted',
        message: expect.stringMatching(
          /disk is full.*Make room for .*images; the image as it was is still there/,
        ) as string,
      });
      expect(await readFile(join(ends.tree, 'srv/one'), 'utf8')).toBe('linked\n');
      await expect(stat(join(ends.tree, 'srv/more'))).rejects.toThrow();
      await run('mount', ['-o', 'remount,size=400M', images()]);
      const again = await ends.capture('a8'.repeat(16), mounts());
      expect(again.result.root.digest).not.toBe(result.root.digest);
      expect((await stat(join(ends.tree, 'srv/more'))).size).toBe(60_000_000);
    } finally {
      await run('umount', [images()], { allowExit: 'any' });
    }
  });
});
