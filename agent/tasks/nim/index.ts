import { HostlerError } from '../../../shared/errors/error.ts';
import { loadIdentity } from '../../identity/identity-files.ts';
import {
  nimKinds,
  nimVersion,
  type NimCheckSpec,
  type NimClientsSpec,
  type NimDescribeSpec,
  type NimGroupsSpec,
  type NimImageSpec,
  type NimNetworksSpec,
  type NimRemoveImageSpec,
  type NimShowSpec,
  type NimUpdateImageSpec,
} from '../../../shared/task/nim.ts';
import type { Json } from '../../../shared/verb/effect.ts';
import type { TaskContext, TaskKind } from '../types.ts';
import { checkMaster } from './check.ts';
import { serveClients } from './clients.ts';
import { serveGroups } from './groups.ts';
import { makeImage } from './image.ts';
import type { NimMaster } from './master.ts';
import { serveNetworks } from './networks.ts';
import { openMaster } from './open-master.ts';
import { removeImage } from './remove-image.ts';
import { describe } from './describe.ts';
import { show } from './show.ts';
import { updateImage } from './update-image.ts';
import { noteReporters, readReporter } from './reporters.ts';
import { unwatchNode, watchNode } from './watched.ts';

/** Which specification belongs to which kind. */
interface Specs {
  [nimKinds.image]: NimImageSpec;
  [nimKinds.removeImage]: NimRemoveImageSpec;
  [nimKinds.updateImage]: NimUpdateImageSpec;
  [nimKinds.clients]: NimClientsSpec;
  [nimKinds.groups]: NimGroupsSpec;
  [nimKinds.networks]: NimNetworksSpec;
  [nimKinds.show]: NimShowSpec;
  [nimKinds.check]: NimCheckSpec;
  [nimKinds.describe]: NimDescribeSpec;
}

/** Specs come from the manager, which this agent trusts with the master; names are checked again where they are used. */
function kind<Kind extends keyof Specs>(
  name: Kind,
  work: (master: NimMaster, spec: Specs[Kind], context: TaskContext) => Promise<object>,
): TaskKind {
  return {
    kind: name,
    version: nimVersion,
    roles: ['nim'],
    async run(context) {
      if (typeof context.spec !== 'object' || context.spec === null)
        throw new HostlerError('invalid_argument', `The specification of ${name} is no object.`);
      const log = (line: string): void => {
        context.log(line);
      };
      const master = openMaster(context.home, log, context.signal);
      const result = await work(master, context.spec as unknown as Specs[Kind], context);
      return withCommands(result, context.spec, master) as Json;
    },
  };
}

/** -V: what was run stands in front of what is said. */
function withCommands(result: object, spec: object, master: NimMaster): object {
  if (!('verbose' in spec && spec.verbose === true && 'lines' in result && Array.isArray(result.lines))) return result;
  const said = master.commands.map((command) => `Running command on ${master.login.name}: ${command}`);
  return { ...result, lines: [...said, ...(result.lines as unknown[])] };
}

export const nimTasks: readonly TaskKind[] = [
  kind(nimKinds.image, (master, spec, context) =>
    makeImage(master, spec, (stage, done, total) => {
      context.progress(stage, `${spec.image}: ${stage}`, done, total, 'resources');
    }),
  ),
  kind(nimKinds.removeImage, removeImage),
  kind(nimKinds.updateImage, updateImage),
  kind(nimKinds.clients, async (master, spec, context) => {
    const self = await loadIdentity(context.home);
    const result = await serveClients(master, spec, self, (node, done, total) => {
      context.progress(spec.action, node, done, total, 'nodes');
    });
    await noteReporters(context.home, spec, result.done);
    await watchThem(context.home, spec, result.done);
    return result;
  }),
  kind(nimKinds.groups, serveGroups),
  kind(nimKinds.networks, serveNetworks),
  kind(nimKinds.show, show),
  kind(nimKinds.check, checkMaster),
  kind(nimKinds.describe, describe),
];

/** Machines that were set up are looked at until they are up; those taken out are not looked at any more. */
async function watchThem(home: string, { action, clients }: NimClientsSpec, done: readonly string[]): Promise<void> {
  for (const { node, name } of clients) {
    if (!done.includes(node)) continue;
    if (action === 'install' || action === 'diskless') {
      const reporter = await readReporter(home, name);
      await watchNode(home, { node, name, since: reporter?.since ?? Date.now(), reports: reporter !== undefined });
    } else if (action === 'remove' || action === 'undiskless') await unwatchNode(home, node);
  }
}
