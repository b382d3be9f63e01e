import { optionValue } from '../../shared/verb/asked.ts';
import type { NimPairs } from '../../shared/task/nim.ts';
import type { Step, Verb } from '../../shared/verb/verb.ts';
import { onWork, startWork, type ClientWork, type MasterWork } from './nim/client-work.ts';
import { mastersOf, refuse, shortName, serversOf } from './nim/common.ts';
import { nodesAndPairs } from './nim/nodes.ts';

/** Installs software on running AIX machines out of an lpp_source. */
export const nimnodecust: Verb<ClientWork | null> = {
  name: 'nimnodecust',
  version: 2,
  changes: true,
  start(asked, known): Step<ClientWork | null> {
    const line = nodesAndPairs(asked, known);
    if ('state' in line) return line;
    const source = optionValue(asked, 's');
    if (source === undefined) return refuse(asked, 'The -s option (an lpp_source resource) is required.');
    const list = (option: string): string[] =>
      (optionValue(asked, option) ?? '').split(',').filter((word) => word !== '');
    const attributes: NimPairs = [
      ['lpp_source', source],
      ['installp_flags', line.pairs.get('installp_flags') ?? 'agQXY'],
      ...(list('p').length === 0 ? [] : ([['filesets', list('p').join(' ')]] as const)),
      ...list('b').map((bundle) => ['installp_bundle', bundle] as const),
      ...[...line.pairs].filter(([key]) => key !== 'installp_flags'),
    ];
    const work: MasterWork[] = [...mastersOf(known, line.nodes, serversOf(asked)).values()].map(({ on, nodes }) => ({
      on,
      spec: {
        action: 'customize',
        clients: nodes.map((node) => ({ node, name: shortName(node), type: 'standalone', define: [], attributes })),
        force: false,
        running: 'leave',
        resources: [
          { type: 'lpp_source', name: source },
          ...list('b').map((name) => ({ type: 'installp_bundle', name })),
        ],
        syncRoots: [],
        prescripts: [],
        scriptAction: 'customize',
      },
    }));
    return startWork(asked, known, 'Customize AIX nodes', work, {
      attributes: {},
      success: 'AIX/NIM nodes were customized.',
      failure: 'One or more errors occurred when attempting to customize AIX NIM nodes.',
    });
  },
  on: (state, report, known) => (state === null ? { state, effects: [] } : onWork(state, report, known)),
};
