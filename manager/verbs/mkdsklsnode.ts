import { attribute } from '../../shared/objects/index.ts';
import type { NimClientSpec, NimClientsSpec, NimPairs, NimResourceSpec } from '../../shared/task/nim.ts';
import { hasFlag, optionValue, type Asked } from '../../shared/verb/asked.ts';
import { end, type Step, type Verb } from '../../shared/verb/verb.ts';
import type { View } from '../../shared/verb/view.ts';
import { clientDefinition, resolvConf } from './nim/client-plan.ts';
import { onWork, prescripts, startWork, type ClientWork, type MasterWork } from './nim/client-work.ts';
import {
  complain,
  imageAttributes,
  isNimImage,
  mastersOf,
  nameTrouble,
  refuse,
  say,
  shortName,
  site,
  serversOf,
} from './nim/common.ts';
import { masterName, type NimNetwork } from './nim/interfaces.ts';
import { nodesAndPairs } from './nim/nodes.ts';
import { nimPostscripts, spotSetup } from './nim/postscripts.ts';
import { isReplica } from './nim/replicas.ts';

const pairNames = ['duplex', 'speed', 'psize', 'sparse_paging', 'dump_iscsi_port', 'configdump'];
const resources = ['spot', 'root', 'shared_root', 'paging', 'dump', 'home', 'shared_home', 'tmp', 'resolv_conf'];

/** Sets up diskless and dataless AIX machines. */
export const mkdsklsnode: Verb<ClientWork | null> = {
  name: 'mkdsklsnode',
  version: 2,
  changes: true,
  start(asked, known): Step<ClientWork | null> {
    const line = nodesAndPairs(asked, known);
    if ('state' in line) return line;
    if (hasFlag(asked, 'S'))
      return refuse(asked, 'The -S option is not offered: replicate the install directory by means of NFSv4 itself.');
    const unknown = [...line.pairs.keys()].find((key) => !pairNames.includes(key));
    if (unknown !== undefined)
      return refuse(asked, `The attribute '${unknown}' is not valid here. Use one of: ${pairNames.join(', ')}.`);
    // -u and -r: resources only.
    const bringing = hasFlag(asked, 'u') || hasFlag(asked, 'r');
    const refusals: string[] = [];
    const attributes: Record<string, Record<string, string>> = {};
    const work: MasterWork[] = [];
    for (const { on, nodes } of mastersOf(known, line.nodes, serversOf(asked)).values()) {
      const clients: NimClientSpec[] = [];
      const wanted = new Map<string, NimResourceSpec>();
      const roots = new Map<string, string>();
      const images = new Map<string, string>();
      const networks = new Map<string, NimNetwork>();
      for (const node of nodes) {
        const plan = planNode(asked, known, node, masterName(asked, on), line.pairs, wanted, roots);
        if (typeof plan === 'string') refusals.push(plan);
        else {
          clients.push(plan.client);
          images.set(node, plan.image);
          for (const network of plan.networks) networks.set(network.name, network);
          attributes[node] = {
            os: 'AIX',
            profile: plan.image,
            provmethod: plan.image,
            currstate: plan.client.type,
          };
        }
      }
      if (clients.length === 0 || (bringing && !isReplica(known, on))) continue;
      const spec = {
        ...specOf(asked, known, clients, wanted, roots, images, attributes),
        networks: [...networks.values()],
      };
      work.push({ on, spec: bringing ? resourcesOnly(spec) : spec });
    }
    if (bringing && work.length === 0 && refusals.length === 0)
      return end(say('There is no service node to bring resources to: site.nimprime and servicenode say who is one.'), {
        do: 'done',
        exit: 0,
      });
    const complaints = refusals.map((text) => complain(asked, text));
    if (work.length === 0) return end(...complaints, { do: 'done', exit: 1 });
    const texts = {
      success: bringing ? 'The resources are on the service nodes.' : 'AIX/NIM diskless nodes were initialized.',
      failure: 'One or more errors occurred when attempting to initialize AIX NIM diskless nodes.',
    };
    const step = startWork(asked, known, 'Initialize AIX diskless nodes', work, { attributes, ...texts }, complaints);
    return {
      ...step,
      effects: [
        ...(bringing ? [] : [say(`${asked.server}: Initializing AIX diskless nodes.  This could take a while.`)]),
        ...step.effects,
      ],
    };
  },
  on: (state, report, known) => (state === null ? { state, effects: [] } : onWork(state, report, known)),
};

/** No node is touched. */
function resourcesOnly(spec: NimClientsSpec): NimClientsSpec {
  return { ...spec, clients: [], prescripts: [], syncRoots: [] };
}

function planNode(
  asked: Asked,
  known: View,
  node: string,
  master: string,
  pairs: ReadonlyMap<string, string>,
  wanted: Map<string, NimResourceSpec>,
  roots: Map<string, string>,
): { client: NimClientSpec; image: string; networks: readonly NimNetwork[] } | string {
  const image =
    optionValue(asked, 'i') ??
    attribute(known, 'node', node, 'provmethod')?.value ??
    attribute(known, 'node', node, 'profile')?.value;
  if (image === undefined) return `Could not determine the osimage for node '${node}'. Use -i, or set its provmethod.`;
  if (!isNimImage(known, image)) return `The osimage object named '${image}' is not defined.`;
  const held = imageAttributes(known, image);
  const type = held['nimtype'];
  if (type !== 'diskless' && type !== 'dataless')
    return 'Use the nimnodeset command to initialize NIM standalone type nodes.';
  if (type === 'diskless' && (held['paging'] ?? '') === '')
    return `The osimage named '${image}' does not specify a paging resource.`;
  const name = hasFlag(asked, 'n') ? `${shortName(node)}_${image}` : shortName(node);
  const trouble = nameTrouble(name, `the node '${node}'`);
  if (trouble !== undefined) return trouble;
  const overrides = new Map([...pairs].filter(([key]) => key === 'dump_iscsi_port'));
  const settings = {
    ...(pairs.has('speed') ? { speed: pairs.get('speed') ?? '' } : {}),
    ...(pairs.has('duplex') ? { duplex: pairs.get('duplex') ?? '' } : {}),
  };
  const definition = clientDefinition(known, node, { type, master, overrides, ...settings });
  if ('trouble' in definition) return definition.trouble;
  const configdump =
    pairs.get('configdump') ?? (held['dump'] === undefined ? undefined : (held['configdump'] ?? 'selective'));
  if (configdump !== undefined && held['dump'] === undefined)
    return `The osimage named '${image}' has no dump resource, which configdump needs.`;
  const given: [string, string][] = [];
  for (const kind of resources) {
    const value = held[kind];
    if (value === undefined || value === '') continue;
    given.push([kind, value]);
    wanted.set(value, { type: kind, name: value });
  }
  if (held['shared_root'] !== undefined && held['spot'] !== undefined) roots.set(held['shared_root'], held['spot']);
  if (held['resolv_conf'] === undefined) {
    const resolv = resolvConf(known, node, base(asked, known), asked.server);
    if (resolv) {
      given.push(['resolv_conf', resolv.name]);
      wanted.set(resolv.name, resolv);
    }
  }
  const size: NimPairs =
    type === 'diskless'
      ? [['size', pairs.get('psize') ?? '64'], ...[...pairs].filter(([key]) => key === 'sparse_paging')]
      : [];
  const dump: NimPairs = configdump === undefined ? [] : [['configdump', configdump]];
  const client: NimClientSpec = {
    node,
    name,
    type,
    define: definition.define,
    attributes: [...given, ...size, ...dump],
  };
  return { client, image, networks: definition.networks };
}

function specOf(
  asked: Asked,
  known: View,
  clients: readonly NimClientSpec[],
  wanted: ReadonlyMap<string, NimResourceSpec>,
  roots: ReadonlyMap<string, string>,
  images: ReadonlyMap<string, string>,
  attributes: Readonly<Record<string, Readonly<Record<string, string>>>>,
): NimClientsSpec {
  const folder = `${asked.folders.install}/postscripts`;
  const spots = [...wanted.values()].flatMap(({ type, name }) => (type === 'spot' ? [name] : []));
  return {
    action: 'diskless',
    clients,
    force: hasFlag(asked, 'f'),
    running: 'leave',
    resources: [...wanted.values()],
    syncRoots: hasFlag(asked, 'k') ? [] : [...roots].map(([sharedRoot, spot]) => ({ sharedRoot, spot })),
    prescripts: prescripts(
      known,
      clients.map(({ node }) => node),
      'diskless',
      `${asked.folders.install}/prescripts`,
    ),
    scriptAction: 'diskless',
    spotSetups: spots.map((spot) => spotSetup(known, spot, folder)),
    postscripts: nimPostscripts(
      known,
      clients.map(({ node, name }) => ({
        node,
        name,
        image: images.get(node) ?? '',
        becomes: attributes[node] ?? {},
      })),
      folder,
    ),
  };
}

function base(asked: Asked, known: View): string {
  return (optionValue(asked, 'l') ?? `${site(known, 'installdir') || asked.folders.install}/nim`).replace(/\/+$/, '');
}
