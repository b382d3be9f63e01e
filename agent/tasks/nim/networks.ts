import { HostlerError } from '../../../shared/errors/error.ts';
import type { NimClientsResult, NimNetworksSpec } from '../../../shared/task/nim.ts';
import type { NimMaster } from './master.ts';
import { checkNimName } from './names.ts';
import { first } from './objects.ts';

type Network = NimNetworksSpec['networks'][number];

/** NIM networks, the master's interface in each, or a route to it (NIM facts, 9.7). An equal net and mask under any name counts as existing. */
export async function serveNetworks(master: NimMaster, spec: NimNetworksSpec): Promise<NimClientsResult> {
  const there = (await master.showAll()).filter((object) => object.class === 'networks');
  const done: string[] = [];
  const failed: Record<string, string> = {};
  const lines: string[] = [];
  for (const network of spec.networks) {
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
      done.push(network.name);
    } catch (thrown) {
      failed[network.name] = HostlerError.from(thrown).message;
    }
  }
  return { done, failed, lines };
}

async function create(master: NimMaster, network: Network): Promise<void> {
  const routing = network.gateway === '' ? [] : ([['routing1', `default ${network.gateway}`]] as const);
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
  } else if (network.gateway !== '') await route(master, network);
}

/** No interface of the master lies in it: the master's first network gets a route to it. */
async function route(master: NimMaster, network: Network): Promise<void> {
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
  const number = String(await master.nextNumber('routing', home));
  await master.nim('change', home, [[`routing${number}`, `${network.name} ${gateway} ${network.gateway}`]]);
}
