import type { TlsIdentity } from '../../../shared/identity/tls.ts';
import type { NodeEvent } from '../../../shared/task/node-events.ts';
import { openMaster } from '../../tasks/nim/open-master.ts';
import { NimReports } from './reports.ts';
import { NimWatch } from './watch.ts';

/** What an agent beside a NIM master keeps running: it looks at machines, and hears what they say themselves. */
export function openNimServices(context: {
  readonly home: string;
  readonly identity: () => TlsIdentity;
  readonly report: (event: NodeEvent) => void;
  readonly log: (line: string) => void;
}): { start(): void; renewed(): void; stop(): Promise<void> } {
  const reports = new NimReports(context);
  const watch = new NimWatch({
    ...context,
    look: (names) => openMaster(context.home, context.log).showMany(names),
    each: () => reports.listen(),
  });
  return {
    start: () => watch.start(),
    renewed: () => reports.renewed(),
    stop: async () => {
      await watch.stop();
      await reports.stop();
    },
  };
}
