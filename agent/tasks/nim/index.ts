import { join } from 'node:path';
import { HostlerError } from '../../../shared/errors/error.ts';
import {
  nimKinds,
  nimVersion,
  type NimCheckSpec,
  type NimClientsSpec,
  type NimGroupsSpec,
  type NimImageSpec,
  type NimNetworksSpec,
  type NimRemoveImageSpec,
  type NimShowSpec,
  type NimStatusSpec,
} from '../../../shared/task/nim.ts';
import type { Json } from '../../../shared/verb/effect.ts';
import type { TaskContext, TaskKind } from '../types.ts';
import { checkMaster } from './check.ts';
import { serveClients } from './clients.ts';
import { serveGroups } from './groups.ts';
import { makeImage } from './image.ts';
import { nimMasterVariable, openLogin } from './login/index.ts';
import { NimMaster } from './master.ts';
import { serveNetworks } from './networks.ts';
import { removeImage } from './remove-image.ts';
import { show, status } from './show.ts';

/** Where long work leaves its folder on a master that is reached over ssh. */
const remoteFolder = '/var/hostler/nim';

/** Which specification belongs to which kind. */
interface Specs {
  [nimKinds.image]: NimImageSpec;
  [nimKinds.removeImage]: NimRemoveImageSpec;
  [nimKinds.clients]: NimClientsSpec;
  [nimKinds.groups]: NimGroupsSpec;
  [nimKinds.networks]: NimNetworksSpec;
  [nimKinds.show]: NimShowSpec;
  [nimKinds.check]: NimCheckSpec;
  [nimKinds.status]: NimStatusSpec;
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
      const where = process.env[nimMasterVariable];
      // Work that must not be interrupted ignores the signal by itself; the rest may end between two commands.
      const login = openLogin(where, context.signal);
      const remote = login.name !== 'this machine';
      const master = new NimMaster(login, {
        folder: remote ? remoteFolder : join(context.home, 'nim'),
        log: (line) => {
          context.log(line);
        },
      });
      return (await work(master, context.spec as unknown as Specs[Kind], context)) as Json;
    },
  };
}

export const nimTasks: readonly TaskKind[] = [
  kind(nimKinds.image, (master, spec, context) =>
    makeImage(master, spec, (stage, done, total) => {
      context.progress(stage, `${spec.image}: ${stage}`, done, total, 'resources');
    }),
  ),
  kind(nimKinds.removeImage, removeImage),
  kind(nimKinds.clients, (master, spec, context) =>
    serveClients(master, spec, (node, done, total) => {
      context.progress(spec.action, node, done, total, 'nodes');
    }),
  ),
  kind(nimKinds.groups, serveGroups),
  kind(nimKinds.networks, serveNetworks),
  kind(nimKinds.show, show),
  kind(nimKinds.check, checkMaster),
  kind(nimKinds.status, status),
];
