import { setTimeout as sleep } from 'node:timers/promises';
import { HostlerError } from '../../../shared/errors/error.ts';
import type { NimClientsResult, NimClientSpec, NimClientsSpec } from '../../../shared/task/nim.ts';
import { clientIsReady, type NimMaster } from './master.ts';
import { isNimName } from './names.ts';
import { ensureNetworks } from './networks.ts';
import { first, type NimObject } from './objects.ts';
import { Outcome } from './outcome.ts';
import { placePostscripts, type ReportsTo } from './postscripts.ts';
import { runPrescripts } from './prescripts.ts';
import { ensureResource } from './resources.ts';
import { setUpSpot } from './spot-setup.ts';
import { uncertain } from './uncertain.ts';

/**
 * One task for all machines of one master. A machine that fails never stops the others; what is said at the end is
 * what NIM shows then. For n machines: one lsnim before, one after, and between them only the commands that change
 * something.
 */
export async function serveClients(
  master: NimMaster,
  spec: NimClientsSpec,
  self: ReportsTo | undefined,
  progress: (node: string, done: number, total: number) => void,
): Promise<NimClientsResult> {
  const outcome = new Outcome();
  let clients = spec.clients.filter((client) =>
    outcome.try(client.node, () => {
      if (!isNimName(client.name))
        throw new HostlerError(
          'invalid_argument',
          `"${client.name}" cannot be a NIM name (1 to 39 letters, digits, "-", "_", "!").`,
        );
    }),
  );
  clients = await runPrescripts(master, spec, 'begin', clients, outcome);
  if (clients.length > 0) clients = await withNetworks(master, spec, clients, outcome);
  for (const resource of spec.resources) await ensureResource(master, resource);
  if (spec.postscripts !== undefined) await placePostscripts(master, spec.postscripts, self);
  for (const setup of spec.spotSetups ?? []) await setUpSpot(master, setup, outcome.lines);
  await refreshSharedRoots(master, spec, outcome);
  const known = await master.showMany(clients.map(({ name }) => name));
  const total = clients.length;
  const touched: NimClientSpec[] = [];
  for (const [done, client] of clients.entries()) {
    progress(client.node, done, total);
    try {
      await act(master, spec, client, known.get(client.name));
      touched.push(client);
    } catch (thrown) {
      outcome.fail(client.node, thrown);
    }
  }
  const good = await verify(master, spec, touched, outcome);
  await runPrescripts(master, spec, 'end', good, outcome);
  return { done: good.map(({ node }) => node), failed: Object.fromEntries(outcome.failed), lines: outcome.lines };
}

/** Further interfaces name their networks as NIM does, which may have known them before by other names. */
async function withNetworks(
  master: NimMaster,
  spec: NimClientsSpec,
  clients: readonly NimClientSpec[],
  outcome: Outcome,
): Promise<NimClientSpec[]> {
  if (spec.networks === undefined || spec.networks.length === 0) return [...clients];
  const { names, failed } = await ensureNetworks(master, spec.networks);
  const able: NimClientSpec[] = [];
  for (const client of clients) {
    outcome.try(client.node, () => {
      const define = client.define.map(([key, value]): [string, string] => {
        const [network = '', ...rest] = value.split(' ');
        if (!/^if\d+$/.test(key)) return [key, value];
        const trouble = failed[network];
        if (trouble !== undefined) throw new HostlerError('failed_precondition', trouble);
        return [key, [names.get(network) ?? network, ...rest].join(' ')];
      });
      able.push({ ...client, define });
    });
  }
  return able;
}

async function act(
  master: NimMaster,
  spec: NimClientsSpec,
  client: NimClientSpec,
  known: NimObject | undefined,
): Promise<void> {
  if (known && known.class !== 'machines')
    throw new HostlerError(
      'already_exists',
      `The NIM object ${client.name} is a ${known.type}, not a machine; NIM names are unique over all types.`,
    );
  switch (spec.action) {
    case 'define':
      return defineOnly(master, spec, client, known);
    case 'change':
      if (known) await master.nim('change', client.name, client.define);
      else await master.nim('define', client.name, client.define, { type: client.type });
      return;
    case 'remove':
    case 'undiskless':
      return removeClient(master, spec, client, known);
    case 'customize':
      if (!known) throw notDefined(client);
      await master.nimLasting('cust', client.name, client.attributes);
      return;
    case 'install':
    case 'diskless':
      return initialise(master, spec, client, known);
  }
}

async function defineOnly(
  master: NimMaster,
  spec: NimClientsSpec,
  client: NimClientSpec,
  known: NimObject | undefined,
): Promise<void> {
  if (known) {
    if (!spec.force)
      throw new HostlerError(
        'already_exists',
        `The node '${client.name}' is already defined. Use -u to change it, or -f to define it again.`,
      );
    await free(master, client.name, known);
    await master.nim('remove', client.name);
  }
  await master.nim('define', client.name, client.define, { type: client.type });
}

async function initialise(
  master: NimMaster,
  spec: NimClientsSpec,
  client: NimClientSpec,
  known: NimObject | undefined,
): Promise<void> {
  let there = known;
  if (there && spec.action === 'diskless' && !spec.force)
    throw new HostlerError(
      'already_exists',
      `The node '${client.name}' is already defined. Use the force option to reinitialize.`,
    );
  if (there && there.type !== client.type) {
    if (!spec.force)
      throw new HostlerError(
        'failed_precondition',
        `The NIM machine ${client.name} is of type ${there.type}, and ${client.type} is needed. Use -f to define it again.`,
      );
    await free(master, client.name, there);
    await master.nim('remove', client.name);
    there = undefined;
  } else if (there && !clientIsReady(there)) {
    if (!spec.force)
      throw new HostlerError(
        'failed_precondition',
        `The NIM machine ${client.name} is not ready: "${first(there, 'Cstate')}". Nothing was done. Use -f to reset it.`,
      );
    await free(master, client.name, there);
  } else if (there && spec.force) await free(master, client.name, there);
  if (!there) await master.nim('define', client.name, client.define, { type: client.type });
  if (spec.action === 'install') await master.nim('bos_inst', client.name, client.attributes);
  else await initialiseDiskless(master, client);
}

/** The one repetition is xCAT's habit, for NFS servers that are slow to export. Nothing is forced by it. */
async function initialiseDiskless(master: NimMaster, client: NimClientSpec): Promise<void> {
  const operation = client.type === 'dataless' ? 'dtls_init' : 'dkls_init';
  try {
    await master.nim(operation, client.name, client.attributes);
  } catch (thrown) {
    master.log(`${HostlerError.from(thrown).message} Trying once more.`);
    await sleep(uncertain.dklsRetrySeconds * 1000);
    const now = await master.show(client.name);
    if (!now || !clientIsReady(now)) throw thrown;
    await master.nim(operation, client.name, client.attributes);
  }
}

/** Reset, then give the resources back: only after the machine's state was looked at, and each step judged by itself. */
async function free(master: NimMaster, name: string, seen: NimObject): Promise<void> {
  if (!clientIsReady(seen)) await master.nim('reset', name, [['force', 'yes']], { force: true });
  if (holdsResources(seen)) await master.nim('deallocate', name, [['subclass', 'all']], { force: true });
}

/** A line for each allocated resource stands in the stanza; `control` is there as long as any is held. */
function holdsResources(machine: NimObject): boolean {
  return [
    'spot',
    'lpp_source',
    'mksysb',
    'boot',
    'paging',
    'root',
    'shared_root',
    'bosinst_data',
    'script',
    'resolv_conf',
    'nim_script',
    'control',
  ].some((type) => machine.attributes.has(type));
}

async function removeClient(
  master: NimMaster,
  spec: NimClientsSpec,
  client: NimClientSpec,
  known: NimObject | undefined,
): Promise<void> {
  if (!known) return;
  if (spec.action === 'undiskless' && first(known, 'Mstate') === uncertain.running) {
    if (spec.running === 'refuse')
      throw new HostlerError(
        'failed_precondition',
        `The node '${client.name}' is running. Use -f to shut it down first, or -r to leave it running.`,
      );
    if (spec.running === 'shutdown') await shutDown(master, client);
  }
  if (spec.action === 'undiskless' || spec.force) await free(master, client.name, known);
  await master.nim('remove', client.name);
}

async function shutDown(master: NimMaster, client: NimClientSpec): Promise<void> {
  const ran = await master.login.run('dsh', ['-n', client.node, 'shutdown -F']);
  if (ran.exit !== 0)
    throw new HostlerError(
      'unavailable',
      `The node ${client.node} could not be shut down: ${ran.stderr.trim()}. Switch it off, then try again, or use -r.`,
    );
}

async function refreshSharedRoots(master: NimMaster, spec: NimClientsSpec, outcome: Outcome): Promise<void> {
  for (const { spot, sharedRoot } of spec.syncRoots) {
    const object = await master.show(sharedRoot);
    if (object && first(object, 'alloc_count') === '0') await master.nimLasting('sync_roots', spot, []);
    else
      outcome.lines.push(`The resource named '${sharedRoot}' is currently allocated. It will not be re-synchronized.`);
  }
}

/** Success is what lsnim shows: exit codes are 0 for warnings too. */
async function verify(
  master: NimMaster,
  spec: NimClientsSpec,
  touched: readonly NimClientSpec[],
  outcome: Outcome,
): Promise<NimClientSpec[]> {
  const now = await master.showMany(touched.map(({ name }) => name));
  return touched.filter((client) =>
    outcome.try(client.node, () => {
      const object = now.get(client.name);
      const gone = spec.action === 'remove' || spec.action === 'undiskless';
      if (gone !== (object === undefined))
        throw new HostlerError(
          'internal',
          `NIM reported success, but ${client.name} is ${gone ? 'still' : 'not'} defined.`,
        );
      const wanted =
        spec.action === 'install'
          ? uncertain.installEnabled
          : spec.action === 'diskless'
            ? uncertain.disklessEnabled
            : [];
      const state = object ? first(object, 'Cstate') : '';
      if (wanted.length > 0 && !wanted.some((words) => state.toLowerCase().includes(words.toLowerCase()))) {
        throw new HostlerError('internal', `NIM reported success, but the state of ${client.name} is "${state}".`);
      }
    }),
  );
}

function notDefined(client: NimClientSpec): HostlerError {
  return new HostlerError(
    'not_found',
    `${client.name} is not a NIM machine. Define it first: xcat2nim -t node -o ${client.node}.`,
  );
}
