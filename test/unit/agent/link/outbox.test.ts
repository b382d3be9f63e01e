import { fork } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Outbox, type OutboxOptions } from '../../../../agent/link/outbox.ts';

const started = (id: string) => ({ started: { id, at: 1 } });

describe('outbox', () => {
  let folder: string;
  let odd: string[];
  let open: Outbox[];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'hostler-outbox-'));
    odd = [];
    open = [];
  });
  afterEach(async () => {
    await Promise.all(open.map((outbox) => outbox.close()));
    rmSync(folder, { recursive: true, force: true });
  });

  async function outbox(life = 'one', options: OutboxOptions = {}): Promise<Outbox> {
    const box = await Outbox.open(folder, life, { odd: (message) => odd.push(message), ...options });
    open.push(box);
    return box;
  }

  async function ids(box: Outbox, from = 0): Promise<string[]> {
    const found: string[] = [];
    let at = from;
    while (at < box.last) {
      for (const { sequence, body } of await box.after(at)) {
        expect(sequence).toBe(at + 1);
        found.push(body.started?.id ?? '?');
        at = sequence;
      }
    }
    return found;
  }

  function files(life = 'one'): string[] {
    return readdirSync(join(folder, life)).sort();
  }

  it('numbers from 1 without gaps, many at once sharing a write', async () => {
    const box = await outbox();
    const numbers = await Promise.all(Array.from({ length: 100 }, (_, index) => box.add(started(`t${index}`))));
    expect(numbers).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
    expect(await ids(box)).toHaveLength(100);
    expect(await ids(box, 98)).toEqual(['t98', 't99']);
  });

  it('keeps numbering after everything was released and the process began again', async () => {
    const box = await outbox();
    for (let index = 0; index < 5; index++) await box.add(started(`t${index}`));
    box.release(5);
    await box.close();
    const again = await outbox();
    expect(await again.add(started('next'))).toBe(6);
    expect((await again.after(5)).map(({ body }) => body.started?.id)).toEqual(['next']);
  });

  it('spreads over segments and takes released ones away', async () => {
    const box = await outbox();
    const long = 'x'.repeat(60_000);
    for (let index = 0; index < 30; index++) await box.add(started(`${index}.${long}`));
    const before = files().length;
    expect(before).toBeGreaterThan(4);
    expect(await ids(box)).toHaveLength(30);
    box.release(29);
    await expect.poll(() => files().length).toBe(1);
    expect((await ids(box, 29)).map((id) => id.split('.')[0])).toEqual(['29']);
    expect(box.first).toBeGreaterThan(20);
  });

  it('leaves a torn tail out and goes on behind what is whole', async () => {
    const box = await outbox();
    for (const id of ['a', 'b', 'c']) await box.add(started(id));
    await box.close();
    const [name = ''] = files();
    const path = join(folder, 'one', name);
    truncateSync(path, readFileSync(path).length - 3);
    const again = await outbox();
    expect(await ids(again)).toEqual(['a', 'b']);
    expect(odd.join()).toContain('torn');
    expect(await again.add(started('d'))).toBe(3);
    await again.close();
    expect(await ids(await outbox())).toEqual(['a', 'b', 'd']);
  });

  it('fills what an altered older segment lost with messages that say nothing', async () => {
    const box = await outbox();
    const long = 'x'.repeat(100_000);
    for (let index = 0; index < 9; index++) await box.add(started(`${index}.${long}`));
    await box.close();
    const [name = ''] = files();
    const path = join(folder, 'one', name);
    const bytes = readFileSync(path);
    bytes.writeUInt8(bytes.readUInt8(150_000) ^ 1, 150_000);
    writeFileSync(path, bytes);
    expect((await ids(await outbox())).map((id) => id.split('.')[0])).toEqual([
      '0',
      '?',
      '?',
      '3',
      '4',
      '5',
      '6',
      '7',
      '8',
    ]);
  });

  it('throws the outbox of an earlier life away', async () => {
    await (await outbox('one')).add(started('old'));
    const two = await outbox('two');
    expect(two.last).toBe(0);
    expect(readdirSync(folder)).toEqual(['two']);
  });

  it('goes on behind the manager when it was thrown away itself', async () => {
    const box = await outbox();
    box.release(41);
    expect(await box.add(started('x'))).toBe(42);
    expect(odd.join()).toContain('was replaced');
    await box.close();
    expect((await outbox()).last).toBe(42);
  });

  it('refuses more than it may hold, and takes more again when there is room', async () => {
    const box = await outbox('one', { mostBytes: 800_000 });
    const long = started('x'.repeat(100_000));
    for (let index = 0; index < 7; index++) await box.add(long);
    await expect(box.add(long)).rejects.toMatchObject({ code: 'resource_exhausted' });
    box.release(7);
    expect(await box.add(long)).toBe(8);
  });

  it('resolves drained when the manager has everything', async () => {
    const box = await outbox();
    await box.add(started('a'));
    let done = false;
    const draining = box.drained(AbortSignal.timeout(5000)).then(() => (done = true));
    await Promise.resolve();
    expect(done).toBe(false);
    box.release(1);
    await draining;
  });

  it('has everything that was promised after kill -9', async () => {
    const child = fork(new URL('./outbox-writer.ts', import.meta.url), [folder], {
      execArgv: ['--import', 'tsx'],
      stdio: 'ignore',
    });
    let promised = 0;
    await new Promise<void>((resolve) => {
      child.on('message', (sequence) => {
        promised = Number(sequence);
        if (promised >= 400) child.kill('SIGKILL');
      });
      child.on('exit', () => resolve());
    });
    expect(promised).toBeGreaterThanOrEqual(400);
    const found = await ids(await outbox('killed'));
    expect(found.length).toBeGreaterThanOrEqual(promised);
    expect(found).toEqual(found.map((_, index) => `t${index + 1}`));
  });
});
