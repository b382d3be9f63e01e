import { imageCacheKind, type ImageCacheResult } from '../../shared/task/image-cache.ts';
import { hasFlag, optionValue } from '../../shared/verb/asked.ts';
import type { Effect, Json } from '../../shared/verb/effect.ts';
import { end, type Verb } from '../../shared/verb/verb.ts';
import { cacheLimit, wrongCacheLimit } from './image/cache-limit.ts';
import { refusal } from './image/description.ts';
import { megabytes } from './image/text.ts';

interface State {
  readonly server: string;
  readonly json: boolean;
  readonly clear: boolean;
  readonly [key: string]: Json;
}

/** hostler imagecache [--clear|--trim] [--on AGENT]: what a build host keeps of earlier builds. */
export const imagecache: Verb<State | null> = {
  name: 'imagecache',
  version: 1,
  changes: true,
  start: (asked, known) => {
    if (asked.operands.length > 0) return end(refusal(asked.server, 'imagecache takes no names, only options.'));
    const agent = optionValue(asked, 'on');
    const clear = hasFlag(asked, 'clear');
    const most = cacheLimit(known);
    if (most === undefined) return end(refusal(asked.server, wrongCacheLimit));
    const task = {
      key: 'cache',
      kind: imageCacheKind,
      title: clear ? 'Empty the image cache' : 'Measure the image cache',
      on: agent === undefined ? { role: 'build' } : { agent },
      spec: { clear, trim: hasFlag(asked, 'trim'), most },
      deadline: 1800,
    };
    return { state: { server: asked.server, json: asked.json, clear }, effects: [{ do: 'run', task }] };
  },
  on(state, report) {
    if (state === null || report.about !== 'task') return { state, effects: [] };
    if (report.outcome !== 'done') return end(refusal(state.server, report.message));
    const { layers, packages, most } = report.result as unknown as ImageCacheResult;
    const limit = most === undefined || state.clear ? '' : ` of at most ${megabytes(most)}`;
    const verb = state.clear ? 'Taken away from' : 'On';
    const text = `${verb} ${report.agent}: stages of images ${megabytes(layers)}${limit}, package files ${megabytes(packages)}.\n`;
    const shown: Effect = state.json
      ? {
          do: 'data',
          value: { agent: report.agent, cleared: state.clear, layers, packages, ...(most !== undefined && { most }) },
        }
      : { do: 'say', text };
    return end(shown, { do: 'done', exit: 0 });
  },
};
