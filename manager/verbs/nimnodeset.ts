import { attribute } from '../../shared/objects/index.ts';
import type { NimClientsSpec, NimPairs, NimResourceSpec } from '../../shared/task/nim.ts';
import { hasFlag, optionValue, type Asked } from '../../shared/verb/asked.ts';
import type { Effect } from '../../shared/verb/effect.ts';
import type { Step, Verb } from '../../shared/verb/verb.ts';
import type { View } from '../../shared/verb/view.ts';
import { expandNoderange } from '../../shared/noderange/index.ts';
import { clientDefinition, resolvConf } from './nim/client-plan.ts';
import { onWork, prescripts, startWork, type ClientWork, type MasterWork } from './nim/client-work.ts';
import {
  complain,
  imageAttributes,
  isNimImage,
  listTypes,
  mastersOf,
  nfsAttributes,
  refuse,
  resourceTypes,
  shortName,
  site,
  splitPairs,
  serversOf,
} from './nim/common.ts';
import { aixScript } from './nim/aix-script.ts';
import { masterName, type NimNetwork } from './nim/interfaces.ts';
import { nimPostscripts, rootPassword } from './nim/postscripts.ts';
import { noSuchNodes } from './tables/answers.ts';

/** Sets up network installations of AIX machines; they are booted afterwards. */
export const nimnodeset: Verb<ClientWork | null> = {
  name: 'nimnodeset',
  version: 2,
  changes: true,
  start(asked, known): Step<ClientWork | null> {
    const { names, pairs, bad } = splitPairs(asked.operands);
    if (bad !== undefined || names.length !== 1)
      return refuse(asked, bad === undefined ? 'A noderange is required.' : `Incorrect 'attr=val' pair - ${bad}`);
    const { nodes, missing } = expandNoderange(known, names[0] ?? '', { verify: true, files: asked.files });
    if (missing.length > 0) return noSuchNodes(missing);
    const chosen = new Map<string, string>();
    const failed: Effect[] = [];
    for (const node of nodes) {
      const image = imageFor(asked, known, node);
      if (image === undefined)
        failed.push(
          complain(asked, `Could not determine the osimage for node '${node}'. Use -i, or set its provmethod.`),
        );
      else if (!isNimImage(known, image))
        failed.push(complain(asked, `The osimage object named '${image}' is not defined.`));
      else if (imageAttributes(known, image)['nimtype'] !== 'standalone')
        failed.push(
          complain(
            asked,
            `Use the mkdsklsnode command to initialize diskless/dataless nodes: '${image}' is ${imageAttributes(known, image)['nimtype'] ?? 'of no type'}.`,
          ),
        );
      else chosen.set(node, image);
    }
    if (chosen.size === 0) return { state: null, effects: [...failed, { do: 'done', exit: 1 }] };
    const work: MasterWork[] = [];
    const attributes: Record<string, Record<string, string>> = {};
    for (const { on, nodes: members } of mastersOf(known, [...chosen.keys()], serversOf(asked)).values()) {
      const clients: NimClientsSpec['clients'][number][] = [];
      const resources = new Map<string, NimResourceSpec>();
      const networks = new Map<string, NimNetwork>();
      for (const node of members) {
        const image = chosen.get(node) ?? '';
        const definition = clientDefinition(known, node, { type: 'standalone', master: masterName(asked, on) });
        const installation =
          'trouble' in definition ? definition : installationOf(asked, known, node, image, pairs, resources);
        if ('trouble' in definition || 'trouble' in installation) {
          failed.push(
            complain(
              asked,
              'trouble' in definition ? definition.trouble : 'trouble' in installation ? installation.trouble : '',
            ),
          );
          continue;
        }
        for (const network of definition.networks) networks.set(network.name, network);
        clients.push({
          node,
          name: shortName(node),
          type: 'standalone',
          define: definition.define,
          attributes: installation.attributes,
        });
        attributes[node] = {
          os: 'AIX',
          // What nodeset calls it (NIM facts, 11); back to boot when NIM says that it is up.
          currstate: 'standalone',
          ...(optionValue(asked, 'i') === undefined ? {} : { profile: image, provmethod: image }),
        };
      }
      if (clients.length === 0) continue;
      work.push({
        on,
        spec: {
          action: 'install',
          clients,
          force: hasFlag(asked, 'f'),
          running: 'leave',
          networks: [...networks.values()],
          resources: [...resources.values()],
          syncRoots: [],
          prescripts: prescripts(
            known,
            clients.map(({ node }) => node),
            'standalone',
            `${asked.folders.install}/prescripts`,
          ),
          scriptAction: 'standalone',
          postscripts: nimPostscripts(
            known,
            clients.map(({ node, name }) => ({
              node,
              name,
              image: chosen.get(node) ?? '',
              becomes: attributes[node] ?? {},
            })),
            `${asked.folders.install}/postscripts`,
          ),
          rootPassword: rootPassword(known),
        },
      });
    }
    if (work.length === 0) return { state: null, effects: [...failed, { do: 'done', exit: 1 }] };
    return startWork(
      asked,
      known,
      'Initialize AIX nodes',
      work,
      {
        attributes,
        success: 'AIX/NIM nodes were initialized.',
        failure: 'One or more errors occurred when attempting to initialize AIX NIM nodes.',
      },
      failed,
    );
  },
  on: (state, report, known) => (state === null ? { state, effects: [] } : onWork(state, report, known)),
};

function imageFor(asked: Asked, known: View, node: string): string | undefined {
  return (
    optionValue(asked, 'i') ??
    attribute(known, 'node', node, 'provmethod')?.value ??
    attribute(known, 'node', node, 'profile')?.value
  );
}

/** What `nim -o bos_inst` is given; resources that must be there first are added to the list. */
function installationOf(
  asked: Asked,
  known: View,
  node: string,
  image: string,
  given: ReadonlyMap<string, string>,
  resources: Map<string, NimResourceSpec>,
): { attributes: NimPairs } | { trouble: string } {
  const held = { ...imageAttributes(known, image), ...Object.fromEntries(given) };
  if ((held['spot'] ?? '') === '') return { trouble: `The osimage '${image}' has no spot resource.` };
  const base = (optionValue(asked, 'l') ?? `${site(known, 'installdir') || asked.folders.install}/nim`).replace(
    /\/+$/,
    '',
  );
  const source = held['nimmethod'] === 'mksysb' ? 'mksysb' : 'rte';
  const pairs: [string, string][] = [
    ['source', source],
    ['boot_client', 'no'],
    ['accept_licenses', 'yes'],
  ];
  for (const type of resourceTypes) {
    if (['root', 'shared_root', 'paging', 'dump', 'home', 'shared_home', 'tmp'].includes(type)) continue;
    const names = (held[type] ?? '').split(',').filter((name) => name !== '');
    for (const name of listTypes.includes(type) ? names : names.slice(0, 1)) {
      pairs.push([type, name]);
      resources.set(name, { type, name });
    }
  }
  if (held['resolv_conf'] === undefined) {
    const resolv = resolvConf(known, node, base, asked.server);
    if (resolv) {
      pairs.push(['resolv_conf', resolv.name]);
      resources.set(resolv.name, resolv);
    }
  }
  const script = aixScript(base, `${asked.folders.install}/postscripts`, nfsAttributes(known));
  pairs.push(['script', script.name]);
  resources.set(script.name, script);
  for (const [key, value] of given) if (!resourceTypes.some((type) => type === key)) pairs.push([key, value]);
  return { attributes: pairs };
}
