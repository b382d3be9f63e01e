import { expandNoderange } from '../../shared/noderange/index.ts';
import { byName } from '../../shared/objects/index.ts';
import { renderDhcpd } from '../../shared/services/isc-dhcpd.ts';
import { renderKea } from '../../shared/services/kea.ts';
import { bootApplyKind, type BootApplySpec, type BootNode } from '../../shared/task/boot-apply.ts';
import type { FilesSpec } from '../../shared/task/files.ts';
import { type Asked, hasFlag } from '../../shared/verb/asked.ts';
import type { Effect, Json, Report } from '../../shared/verb/effect.ts';
import { end, type Step, type Verb } from '../../shared/verb/verb.ts';
import type { View } from '../../shared/verb/view.ts';
import { macsOf, nodeFacts } from './boot/node-plan.ts';
import { defaultServer, placeOf } from './boot/servers.ts';
import { clusterOf, serviceOf, type Cluster } from './boot/service-plan.ts';
import { tasksFor } from './boot/tasks.ts';
import { dhcpNodes } from './services/dhcp-nodes.ts';
import { etc, ofMachine } from './services/etc.ts';
import { placeFiles } from './services/files-task.ts';
import { failed, orRefused, printed, noSuchNodes } from './tables/answers.ts';

interface State {
  readonly server: string;
  /** Tasks that have not ended. */
  readonly open: readonly string[];
  readonly exit: number;
  readonly [key: string]: Json;
}

/** Tells the DHCP service of networks and nodes: our own boot service, or the file of Kea or ISC dhcpd. */
export const makedhcp: Verb<State | null> = {
  name: 'makedhcp',
  version: 1,
  changes: true,
  start: (asked, known) => orRefused(asked, () => begin(asked, known)),
  on(state, report) {
    return state === null || report.about !== 'task' ? { state, effects: [] } : ended(state, report);
  },
};

function begin(asked: Asked, known: View): Step<State | null> {
  const [range] = asked.operands;
  const all = hasFlag(asked, 'a');
  if (hasFlag(asked, 's')) {
    return failed(asked, 'makedhcp -s is not taken: what nodes are told follows from networks, nodes and nodeset.');
  }
  if (range === undefined && !all && !hasFlag(asked, 'n'))
    return failed(asked, 'makedhcp needs -n, -a or a node range.');
  const named = range === undefined ? undefined : expandNoderange(known, range, { verify: true, files: asked.files });
  if (named && named.missing.length > 0) {
    return noSuchNodes(named.missing);
  }
  const everyone = all ? [...known.rows('node')].map(([name]) => name).sort(byName) : [];
  const nodes = named?.nodes ?? everyone;
  if (hasFlag(asked, 'q')) return query(asked, known, nodes);
  const cluster = clusterOf(known);
  const backend = asked.options['backend']?.at(-1) ?? cluster.site('dhcpbackend');
  if (backend === 'kea' || backend === 'isc') return files(asked, known, cluster, backend, nodes, named !== undefined);
  return own(asked, known, cluster, nodes, named !== undefined);
}

/** What DHCP would tell each node. */
function query(asked: Asked, known: View, nodes: readonly string[]): Step<null> {
  const found = nodes.flatMap((node) => {
    const facts = nodeFacts(known, node);
    const macs = macsOf(facts.value('mac'));
    const ip = facts.value('ip');
    return ip === '' || 'trouble' in macs ? [] : [{ node, ip, mac: macs.list[0] ?? '' }];
  });
  if (asked.json) return end({ do: 'data', value: found }, { do: 'done', exit: 0 });
  return printed(found.map(({ node, ip, mac }) => `${node}: ip-address = ${ip}, hardware-address = ${mac}\n`).join(''));
}

/** The boot service: one task for each server, through the same specification as nodeset's. */
function own(
  asked: Asked,
  known: View,
  cluster: Cluster,
  nodes: readonly string[],
  named: boolean,
): Step<State | null> {
  const { wanted, troubles } = dhcpNodes(asked, known, cluster, nodes, hasFlag(asked, 'd'));
  const planned = tasksFor(asked, known, cluster, wanted);
  const all = new Map([...(named ? troubles : []), ...planned.troubles]);
  const runs = planned.tasks.map(({ request }): Effect => ({ do: 'run', task: request }));
  if (hasFlag(asked, 'n')) {
    const busy = new Set(planned.tasks.map(({ request }) => request.on.agent));
    for (const server of new Set([defaultServer, ...cluster.areas.keys()])) {
      const run = networksOnly(asked, known, cluster, server);
      if ('trouble' in run) all.set(server || asked.server, run.trouble);
      else if (run.do === 'run' && !busy.has(run.task.on.agent)) runs.push(run);
    }
  }
  return go(asked, runs, all);
}

/** The networks of one server anew; nodes that it serves stay. */
function networksOnly(
  asked: Asked,
  known: View,
  cluster: Cluster,
  server: string,
): Effect | { readonly trouble: string } {
  const service = serviceOf(asked, known, cluster, server, []);
  if ('trouble' in service) return service;
  const spec: BootApplySpec = { service, nodes: {}, profiles: {}, blobs: [], allNodes: false };
  const whose = server === defaultServer ? 'the boot server' : `the boot server ${server}`;
  return {
    do: 'run',
    task: {
      key: server === defaultServer ? 'networks' : `networks-${[...cluster.areas.keys()].indexOf(server)}`,
      kind: bootApplyKind,
      title: `Tell ${whose} of its networks`,
      on: placeOf(known, server, cluster.serviceNodes),
      spec: spec as unknown as Json,
      deadline: 300,
    },
  };
}

/** The file of another DHCP server, whole, with every node that can be in it. */
function files(
  asked: Asked,
  known: View,
  cluster: Cluster,
  backend: 'kea' | 'isc',
  nodes: readonly string[],
  named: boolean,
): Step<State | null> {
  const away = new Set(hasFlag(asked, 'd') ? nodes : []);
  const everyone = [...known.rows('node')].map(([name]) => name).filter((name) => !away.has(name));
  // What a node boots is not for these servers to know: as `away` asks, its image is not looked at.
  const { wanted, troubles } = dhcpNodes(asked, known, cluster, everyone, true);
  const served = wanted.map((one) => one.served);
  const service = serviceOf(asked, known, cluster, defaultServer, served);
  if ('trouble' in service) return failed(asked, service.trouble);
  const entries = served.map(({ name, macs, ip }): [string, BootNode] => [
    name,
    { macs, ip, hostname: name, profile: '' },
  ]);
  const hosts = Object.fromEntries(entries);
  const folder = ofMachine(asked) ? '/var/lib/kea' : etc(asked, 'kea');
  const spec: FilesSpec =
    backend === 'kea'
      ? {
          files: [
            {
              path: etc(asked, 'kea', 'kea-dhcp4.conf'),
              content: renderKea(service, hosts, `${folder}/kea-leases4.csv`),
              mode: 0o644,
              check: { by: 'kea-dhcp4' },
            },
          ],
          reload: ['kea-dhcp4-server'],
        }
      : {
          files: [
            {
              path: etc(asked, 'dhcp', 'dhcpd.conf'),
              content: renderDhcpd(service, hosts),
              mode: 0o644,
              check: { by: 'dhcpd' },
            },
          ],
          reload: ['isc-dhcp-server'],
        };
  const wrong = new Map([...troubles].filter(([name]) => named && nodes.includes(name)));
  return go(asked, [placeFiles(asked, known, `Write the configuration of ${backend}`, spec)], wrong);
}

function go(asked: Asked, runs: readonly Effect[], troubles: ReadonlyMap<string, string>): Step<State | null> {
  const lines = [...troubles].map(([name, trouble]) => `${name}: [${asked.server}]: Error: ${trouble}\n`);
  const said: Effect[] = lines.length === 0 ? [] : [{ do: 'say', text: lines.join(''), error: true }];
  const exit = lines.length > 0 ? 1 : 0;
  if (runs.length === 0) return end(...said, { do: 'done', exit });
  const open = runs.flatMap((effect) => (effect.do === 'run' ? [effect.task.key] : []));
  return { state: { server: asked.server, open, exit }, effects: [...said, ...runs] };
}

function ended(state: State, report: Extract<Report, { about: 'task' }>): Step<State | null> {
  const open = state.open.filter((key) => key !== report.key);
  const effects: Effect[] = [];
  let { exit } = state;
  if (report.outcome !== 'done') {
    const agent = report.agent === '' ? '' : `${report.agent}: `;
    effects.push({ do: 'say', text: `Error: [${state.server}]: ${agent}${report.message}\n`, error: true });
    exit = 1;
  }
  if (open.length > 0) return { state: { ...state, open, exit }, effects };
  return end(...effects, { do: 'done', exit });
}
