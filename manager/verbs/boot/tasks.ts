import { bootApplyKind, type BootApplySpec, type BootNode } from '../../../shared/task/boot-apply.ts';
import type { Asked } from '../../../shared/verb/asked.ts';
import type { Json, TaskRequest } from '../../../shared/verb/effect.ts';
import type { View } from '../../../shared/verb/view.ts';
import type { ImageVersion } from './image-version.ts';
import { localProfile, profileOf, Profiles } from './profiles.ts';
import type { NodeFacts, Served, Trouble } from './node-plan.ts';
import { defaultServer, placeOf } from './servers.ts';
import { serviceOf, type Cluster } from './service-plan.ts';

/** What a plan needs of the asking that it is made for. */
export type PlanFor = Pick<Asked, 'server' | 'seed' | 'folders'>;

/** One node and what it is to be: an image, its own disk, or nothing (away with it). */
export interface Wanted {
  readonly facts: NodeFacts;
  readonly served: Served;
  readonly version?: ImageVersion;
  readonly away: boolean;
}

export interface ServerTask {
  readonly request: TaskRequest;
  readonly nodes: readonly string[];
}

/** Seconds: a boot server may have to fetch a large image first. */
const deadline = 3600;

/** One task for each boot server, however many nodes it has; nodes that cannot be told are named with the reason. */
export function tasksFor(
  asked: PlanFor,
  known: View,
  cluster: Cluster,
  wanted: readonly Wanted[],
): { readonly tasks: readonly ServerTask[]; readonly troubles: ReadonlyMap<string, string> } {
  const troubles = new Map<string, string>();
  const byServer = new Map<string, Wanted[]>();
  for (const one of wanted) {
    for (const server of one.served.servers) {
      const its = byServer.get(server);
      if (its === undefined) byServer.set(server, [one]);
      else its.push(one);
    }
  }
  const tasks: ServerTask[] = [];
  for (const [server, its] of [...byServer].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const task = taskFor(asked, known, cluster, server, its, troubles);
    if ('trouble' in task) for (const { served } of its) troubles.set(served.name, task.trouble);
    else if (task.nodes.length > 0) tasks.push(task);
  }
  return { tasks, troubles };
}

function taskFor(
  asked: PlanFor,
  known: View,
  cluster: Cluster,
  server: string,
  wanted: readonly Wanted[],
  troubles: Map<string, string>,
): ServerTask | Trouble {
  const service = serviceOf(
    asked,
    known,
    cluster,
    server,
    wanted.map((one) => one.served),
  );
  if ('trouble' in service) return service;
  const versions = new Set(wanted.flatMap(({ version }) => (version ? [version] : [])));
  if (versions.size > 0 && (service.manager === '' || service.authority === '')) {
    return {
      trouble:
        'Nodes could not reach the manager, so they could not register: start hostler-manager with --listen HOST:PORT',
    };
  }
  const profiles = new Profiles();
  const nodes: Record<string, BootNode | null> = {};
  for (const { facts, served, version, away } of wanted) {
    const profile = version ? profileOf({ known, node: facts, served, version, service }) : localProfile();
    if ('trouble' in profile) {
      troubles.set(served.name, profile.trouble);
      continue;
    }
    const { name, macs, ip } = served;
    const deploy = profile.clone && { deploy: `${asked.seed}.${name}` };
    nodes[name] = away ? null : { macs, ip, hostname: name, profile: profiles.keyFor(profile), ...deploy };
  }
  const place = placeOf(known, server, cluster.serviceNodes);
  const [store] = [...versions].map((version) => version.store);
  const elsewhere = store && store.agent !== place.agent && store.endpoints.length > 0;
  const spec: BootApplySpec = {
    service,
    nodes,
    profiles: profiles.all(),
    blobs: [...versions].flatMap(({ kernel, initrd, root, files, facts }) => [
      ...[kernel, initrd, root],
      ...[files, facts].filter((blob) => blob !== undefined),
    ]),
    ...(elsewhere && { from: store }),
    allNodes: false,
  };
  const names = Object.keys(nodes);
  const title = server === defaultServer ? 'Set up the boot server' : `Set up the boot server ${server}`;
  return {
    nodes: names,
    request: {
      key: server === defaultServer ? 'boot' : `boot-${keyOf(server)}`,
      kind: bootApplyKind,
      title: `${title} for ${names.length === 1 ? (names[0] ?? '') : `${names.length} nodes`}`,
      on: place,
      spec: spec as unknown as Json,
      deadline,
    },
  };
}

/** Step names hold letters, digits and dashes only. Server names that differ must not meet. */
function keyOf(server: string): string {
  const plain = server.replace(/[^A-Za-z0-9-]/g, (other) => `-${other.charCodeAt(0).toString(16)}-`);
  return plain.slice(0, 58);
}
