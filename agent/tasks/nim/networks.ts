import { HostlerError } from '../../../shared/errors/error.ts';
import type { NimClientsResult, NimNetworksSpec } from '../../../shared/task/nim.ts';
import type { NimMaster } from './master.ts';
import { checkNimName } from './names.ts';
import { first } from './objects.ts';

type Network = NimNetworksSpec['networks'][number];

/** What became of networks: `names` by the name that was asked for, NIM's own, which may be another. */
export interface NetworksThere {
  readonly names: ReadonlyMap<string, string>;
  readonly failed: Readonly<Record<string, string>>;
  readonly lines: readonly string[];
}

export async function serveNetworks(master: NimMaster, spec: NimNetworksSpec): Promise<NimClientsResult> {
  const { names, failed, lines } = await ensureNetworks(master, spec.networks);
  return { done: [...names.keys()], failed, lines: [...lines] };
}

/** NIM networks, the master's interface in each, or a route to it (NIM facts, 9.7). An equal net and mask under any name counts as existing. */
export async function ensureNetworks(master: NimMaster, networks: readonly Network[]): Promise<NetworksThere> {
  const there = (await master.showAll()).filter((object) => object.class === 'networks');
  const names = new Map<string, string>();
  const failed: Record<string, string> = {};
  const lines: string[] = [];
  for (const network of networks) {
    try {
      checkNimName(network.name, 'the network');
      const same = there.find(
        (object) => first(object, 'net_addr') === network.net && first(object, 'snm') === network.mask,
      );
      const named = there.find((object) => object.name === network.name);
      if (same)
        lines.push(
          same.name === network.name
            ? `The network '${network.name}' is already defined.`
            : `The network ${network.net} is already defined, under the name '${same.name}'.`,
        );
      else if (named)
        throw new HostlerError(
          'already_exists',
          `NIM has a network '${network.name}' with another address (${first(named, 'net_addr')}, mask ${first(named, 'snm')}).`,
        );
      else await create(master, network);
      names.set(network.name, same?.name ?? network.name);
    } catch (thrown) {
      failed[network.name] = HostlerError.from(thrown).message;
    }
  }
  return { names, failed, lines };
}

async function create(master: NimMaster, network: Network): Promise<void> {
  const routing = network.gateway === '' ? [] : ([['routing1', `default ${network.gateway}`]] as const);
  // A route that cannot be is told before there is a network without one.
  const home = network.masterHost === '' && network.gateway !== '' ? await homeOf(master) : undefined;
  await master.nim('define', network.name, [['net_addr', network.net], ['snm', network.mask], ...routing], {
    type: network.type,
  });
  if (network.masterHost !== '') {
    const number = String(await master.nextNumber('if', 'master'));
    const cable = String(await master.nextNumber('cable_type', 'master'));
    await master.nim('change', 'master', [
      [`if${number}`, `${network.name} ${network.masterHost} 0`],
      [`cable_type${cable}`, 'N/A'],
    ]);
  } else if (home !== undefined) {
    const number = String(await master.nextNumber('routing', home.name));
    await master.nim('change', home.name, [[`routing${number}`, `${network.name} ${home.gateway} ${network.gateway}`]]);
  }
}

/** The master's first network: routes to those in which it has no interface go from there. */
async function homeOf(master: NimMaster): Promise<{ name: string; gateway: string }> {
  const object = await master.show('master');
  const home = object ? first(object, 'if1').split(/\s+/)[0] : undefined;
  if (home === undefined || home === '')
    throw new HostlerError(
      'failed_precondition',
      'The NIM master has no first interface (if1) from which a route could go.',
    );
  const network1 = await master.show(home);
  const gateway = network1 ? (first(network1, 'routing1').split(/\s+/)[1] ?? '') : '';
  if (gateway === '')
    throw new HostlerError(
      'failed_precondition',
      `The network ${home} of the NIM master has no default gateway. Set one: nim -o change -a routing1='default <gateway>' ${home}.`,
    );
  return { name: home, gateway };
}
