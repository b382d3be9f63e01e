import { afterEach, describe, expect, it, vi } from 'vitest';
import { Presenter, commandShows } from '../../../../cli/show/presenter.ts';
import { ProgressView } from '../../../../cli/show/progress.ts';
import { duration, table } from '../../../../cli/show/format.ts';
import { styleFor } from '../../../../cli/show/style.ts';
import type { Writer } from '../../../../cli/show/writer.ts';
import type { Event__Output } from '../../../../shared/wire/generated/hostler/v1/Event.ts';

function view(live: boolean) {
  const printed: string[] = [];
  const writer: Writer = {
    out: async (text) => void printed.push(`out:${text}`),
    error: async (text) => void printed.push(`err:${text}`),
    live,
    columns: 80,
  };
  const progress = new ProgressView(writer, styleFor(live, { NO_COLOR: '1' }));
  return { printed, presenter: new Presenter(writer, progress, commandShows), progress };
}

const event = (body: Partial<Event__Output>): Event__Output => ({ position: 0, at: 0, ...body });
const step = (state: string, message = '') =>
  event({ step: { task: '1.b', title: 'build x', agent: 'a', state, message } });
const progress = (stage: string, text: string) =>
  event({ progress: { task: '1.b', agent: 'a', stage, text, done: 0, total: 0, unit: '' } });

afterEach(() => {
  vi.useRealTimers();
});

describe('Presenter', () => {
  it('keeps the two streams apart and leaves the log out', async () => {
    const { presenter, printed } = view(false);
    await presenter.show(event({ output: { error: false, text: 'a\n' } }));
    await presenter.show(event({ output: { error: true, text: 'b\n' } }));
    await presenter.show(event({ data: { json: '{"x":1}' } }));
    await presenter.show(event({ log: { task: '1.b', text: 'noise\n' } }));
    expect(printed).toEqual(['out:a\n', 'err:b\n', 'out:{"x":1}\n']);
  });

  it('away from a terminal tells each stage once, and why something waits or failed', async () => {
    const { presenter, printed } = view(false);
    await presenter.show(step('running'));
    await presenter.show(progress('bootstrap', 'starting'));
    await presenter.show(progress('bootstrap', 'more'));
    await presenter.show(progress('packages', 'packages'));
    await presenter.show(step('waiting', 'job 3 holds the image'));
    expect(printed).toEqual([
      'err:build x: bootstrap: starting\nbuild x: packages\n',
      'err:build x: job 3 holds the image\n',
    ]);
  });

  it('away from a terminal says nothing of stages of what is over in a moment, and all of them when it is not', async () => {
    vi.useFakeTimers();
    const [quick, slow] = [view(false), view(false)];
    for (const { presenter } of [quick, slow]) {
      await presenter.show(progress('apply', 'takes it up'));
      await presenter.show(progress('check', 'looks'));
    }
    quick.progress.stop();
    vi.advanceTimersByTime(5_000);
    await slow.presenter.show(progress('end', 'end'));
    expect(quick.printed).toEqual([]);
    expect(slow.printed).toEqual(['err:apply: takes it up\ncheck: looks\n', 'err:end\n']);
  });

  it('writes no escape sequence where nobody looks', async () => {
    const { presenter, printed, progress: lines } = view(false);
    await presenter.show(progress('bootstrap', 'a'));
    lines.stop();
    expect(printed.join('')).not.toContain('\u001b');
  });
});

describe('format', () => {
  it('writes durations and tables', () => {
    expect([duration(7_400), duration(765_000), duration(3_723_000)]).toEqual(['0:07', '12:45', '1:02:03']);
    expect(
      table([
        ['a', 'bb'],
        ['ccc', ''],
      ]),
    ).toBe('a    bb\nccc\n');
  });
});
