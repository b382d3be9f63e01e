import { describe, expect, it } from 'vitest';
import { HostlerError } from '../../../../shared/errors/error.ts';
import { type Channel, Channels, firstWindow } from '../../../../shared/session/channels.ts';
import type { ChannelData, ChannelData__Output } from '../../../../shared/wire/generated/hostler/v1/ChannelData.ts';

const filled = (data: ChannelData): ChannelData__Output => ({
  id: data.id ?? '',
  data: Buffer.from(data.data ?? ''),
  end: data.end ?? false,
  window: data.window ?? 0,
  error: data.error ?? '',
});

/** Two ends, joined; what passes is kept. */
function joined(takes = true) {
  const passed: ChannelData[] = [];
  const opened: Channel[] = [];
  const near: Channels = new Channels(async (data) => {
    passed.push(data);
    far.receive(filled(data));
  });
  const far: Channels = new Channels(
    async (data) => near.receive(filled(data)),
    takes ? (channel) => opened.push(channel) : undefined,
  );
  return { near, far, opened, passed };
}

async function text(channel: Channel): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of channel.incoming) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

describe('channels', () => {
  it('carry bytes both ways and end each way for itself', async () => {
    const { near, opened } = joined();
    const mine = near.open('c');
    await mine.write(Buffer.from('question'));
    await mine.end();
    const [theirs] = opened;
    if (theirs === undefined) throw new Error('not opened');
    expect(await text(theirs)).toBe('question');
    await theirs.write(Buffer.from('answer'));
    await theirs.end();
    expect(await text(mine)).toBe('answer');
  });

  it('open by an empty message, too', async () => {
    const { near, opened } = joined();
    await near.open('listening').write(new Uint8Array());
    expect(opened.map(({ id }) => id)).toEqual(['listening']);
  });

  it('never have more on the way than the window', async () => {
    const { near, opened, passed } = joined();
    const mine = near.open('c');
    let done = false;
    const writing = mine.write(Buffer.alloc(firstWindow + 1)).then(() => (done = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(done).toBe(false);
    expect(passed.reduce((sum, { data }) => sum + (data?.length ?? 0), 0)).toBe(firstWindow);
    const [theirs] = opened;
    if (theirs === undefined) throw new Error('not opened');
    let read = 0;
    for await (const piece of theirs.incoming) {
      read += piece.length;
      if (read > firstWindow) break;
    }
    await writing;
  });

  it('end when the other side sends more than it may', async () => {
    const sent: ChannelData[] = [];
    const opened: Channel[] = [];
    const channels = new Channels(
      async (data) => void sent.push(data),
      (channel) => opened.push(channel),
    );
    for (let at = 0; at <= firstWindow; at += 64 * 1024)
      channels.receive(filled({ id: 'c', data: Buffer.alloc(64 * 1024) }));
    const [flooded] = opened;
    if (flooded === undefined) throw new Error('not opened');
    await expect(text(flooded)).rejects.toMatchObject({ code: 'resource_exhausted' });
    expect(sent.at(-1)?.error).toContain('more than its window');
    channels.receive(filled({ id: 'c', data: Buffer.from('late') }));
    expect(opened).toHaveLength(1);
  });

  it('are refused where nobody takes them', async () => {
    const { near } = joined(false);
    const mine = near.open('c');
    await mine.write(Buffer.from('x'));
    await expect(text(mine)).rejects.toMatchObject({ code: 'aborted' });
    await expect(mine.write(Buffer.from('y'))).rejects.toMatchObject({ code: 'aborted' });
  });

  it('fail with their connection, readers and writers', async () => {
    const { near } = joined();
    const mine = near.open('c');
    const writing = mine.write(Buffer.alloc(firstWindow * 2));
    writing.catch(() => undefined);
    near.close(new HostlerError('unavailable', 'gone'));
    await expect(writing).rejects.toMatchObject({ code: 'unavailable' });
    await expect(text(mine)).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('have a name for one use, and a limit', () => {
    const { near } = joined();
    near.open('c').fail(new HostlerError('cancelled', 'enough'));
    expect(() => near.open('c')).toThrow('already');
    for (let index = 0; index < 256; index++) near.open(`n${index}`);
    expect(() => near.open('one more')).toThrow('256 channels');
  });
});
