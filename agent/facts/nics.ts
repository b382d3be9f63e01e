import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import type { Facts } from '../../shared/task/facts.ts';
import { namesIn, textOf } from './read.ts';

const most = 256;

/** Network cards with addresses; on Linux also those that have none. The loopback is left out. */
export function nicsOf(root: string): Facts['nics'] {
  const known = networkInterfaces();
  const folder = join(root, 'sys/class/net');
  const names = new Set([...namesIn(folder), ...Object.keys(known)]);
  const nics: Facts['nics'][number][] = [];
  for (const name of [...names].sort().slice(0, most)) {
    const addresses = known[name] ?? [];
    if (name === 'lo' || addresses.some((address) => address.internal)) continue;
    const mac = textOf(join(folder, name, 'address')) || (addresses[0]?.mac ?? '');
    // Tunnels have no address of their own, or one of another length.
    if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(mac) || mac === '00:00:00:00:00:00') continue;
    const mtu = Number(textOf(join(folder, name, 'mtu')));
    const cidrs = addresses.map(({ address, cidr }) => cidr ?? address);
    nics.push({ name, mac, addresses: cidrs, ...(Number.isSafeInteger(mtu) && mtu > 0 && { mtu }) });
  }
  return nics;
}
