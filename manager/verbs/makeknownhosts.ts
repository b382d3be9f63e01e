import { join } from 'node:path';
import type { FilesResult, FilesSpec } from '../../shared/task/files.ts';
import { hasFlag } from '../../shared/verb/asked.ts';
import { end, type Step, type Verb } from '../../shared/verb/verb.ts';
import { domainsOf } from './services/domains.ts';
import { etc, ofMachine } from './services/etc.ts';
import { filesPlaced, type FilesState, placeFiles } from './services/files-task.ts';
import { hostsOf } from './services/host-entries.ts';
import { expandNoderange } from '../../shared/noderange/index.ts';
import { orRefused, noSuchNodes } from './tables/answers.ts';

/** Renews what root on the management node knows of the nodes' ssh host keys. */
export const makeknownhosts: Verb<FilesState | null> = {
  name: 'makeknownhosts',
  version: 1,
  changes: true,
  start(asked, known) {
    return orRefused(asked, (): Step<FilesState | null> => {
      const [range = ''] = asked.operands;
      const { nodes, missing } = expandNoderange(known, range, { verify: true, files: asked.files });
      if (missing.length > 0) {
        return noSuchNodes(missing);
      }
      const domains = domainsOf(known);
      const hosts = nodes.map((node) => {
        const [own] = hostsOf(known, node, domains).entries;
        const full = own === undefined || own.domain === '' ? [] : [`${node}.${own.domain}`];
        return { node, names: [node, ...full], address: own?.name === node ? own.ip : undefined };
      });
      const forget = hosts.flatMap(({ names, address }) => (address === undefined ? names : [...names, address]));
      const scan = hasFlag(asked, 'remove')
        ? []
        : hosts.flatMap(({ names, address }) => (address === undefined ? [] : [{ names, address }]));
      if (forget.length === 0) return end({ do: 'done', exit: 0 });
      const path = ofMachine(asked) ? '/root/.ssh/known_hosts' : join(etc(asked), 'known_hosts');
      const spec: FilesSpec = { files: [{ path, knownHosts: { forget, scan } }], reload: [] };
      const state = { server: asked.server, exit: 0, text: '', json: asked.json };
      return { state, effects: [placeFiles(asked, known, `Renew ${path}`, spec)] };
    });
  },
  on(state, report) {
    if (state === null) return { state, effects: [] };
    const step = filesPlaced(state, report);
    if (report.about !== 'task' || report.outcome !== 'done') return step;
    const { silent = [] } = report.result as unknown as FilesResult;
    if (silent.length === 0) return step;
    const text = `Warning: [${state.server}]: No host key came from ${silent.join(',')}: no sshd answers there.\n`;
    return { ...step, effects: [{ do: 'say', text, error: true }, ...step.effects] };
  },
};
