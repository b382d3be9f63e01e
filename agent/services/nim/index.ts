import type { NodeEvent } from '../../../shared/task/node-events.ts';
import { openMaster } from '../../tasks/nim/open-master.ts';
import { NimWatch } from './watch.ts';

/** The watch of an agent beside a NIM master. */
export function openNimWatch(context: {
  readonly home: string;
  readonly report: (event: NodeEvent) => void;
  readonly log: (line: string) => void;
}): NimWatch {
  return new NimWatch({
    ...context,
    look: (names) => openMaster(context.home, context.log).showMany(names),
  });
}
