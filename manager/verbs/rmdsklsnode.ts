import { attribute } from '../../shared/objects/index.ts';
import { hasFlag, optionValue } from '../../shared/verb/asked.ts';
import type { Step, Verb } from '../../shared/verb/verb.ts';
import { onWork, prescripts, startWork, type ClientWork, type MasterWork } from './nim/client-work.ts';
import { mastersOf, refuse, shortName, serversOf } from './nim/common.ts';
import { nodesAndPairs } from './nim/nodes.ts';

/** Takes diskless and dataless machines out of NIM: reset, resources back, definition gone. */
export const rmdsklsnode: Verb<ClientWork | null> = {
  name: 'rmdsklsnode',
  version: 2,
  changes: true,
  start(asked, known): Step<ClientWork | null> {
    const line = nodesAndPairs(asked, known);
    if ('state' in line) return line;
    if (hasFlag(asked, 'f') && hasFlag(asked, 'r'))
      return refuse(asked, "The '-f' and '-r' options cannot be used together.");
    const image = optionValue(asked, 'i');
    const work: MasterWork[] = [...mastersOf(known, line.nodes, serversOf(asked)).values()].map(({ on, nodes }) => ({
      on,
      spec: {
        action: 'undiskless',
        clients: nodes.map((node) => ({
          node,
          name: image === undefined ? shortName(node) : `${shortName(node)}_${image}`,
          type: 'diskless',
          define: [],
          attributes: [],
        })),
        force: true,
        running: hasFlag(asked, 'f') ? 'shutdown' : hasFlag(asked, 'r') ? 'leave' : 'refuse',
        resources: [],
        syncRoots: [],
        prescripts: prescripts(known, nodes, 'remove', `${asked.folders.install}/prescripts`),
        scriptAction: 'remove',
      },
    }));
    // Who is still set up elsewhere, or under another image's name, keeps the state.
    const gone = line.nodes.filter((node) => {
      const value = (attr: string): string => attribute(known, 'node', node, attr)?.value ?? '';
      const everywhere = serversOf(asked) === 'all' || !value('servicenode').includes(',');
      return everywhere && (image === undefined || value('provmethod') === image) && value('currstate') !== '';
    });
    return startWork(asked, known, 'Remove AIX diskless nodes', work, {
      attributes: Object.fromEntries(gone.map((node) => [node, { currstate: 'undefined' }])),
      success: 'AIX/NIM diskless nodes were removed.',
      failure: 'One or more errors occurred when attempting to remove AIX NIM diskless nodes.',
    });
  },
  on: (state, report, known) => (state === null ? { state, effects: [] } : onWork(state, report, known)),
};
