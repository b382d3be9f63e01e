import { createHash } from 'node:crypto';
import { readlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Announced } from '../../../shared/boot/dnsmasq.ts';
import { HostlerError } from '../../../shared/errors/error.ts';
import { run } from '../../../shared/process/run.ts';
import { isLock, tryLock, type Lock } from '../lock.ts';

/** Every interface of this machine with its addresses; also those without a carrier, which os.networkInterfaces hides. */
export async function interfaceAddresses(): Promise<ReadonlyMap<string, readonly string[]>> {
  const { stdout } = await run('ip', ['-json', 'address', 'show']);
  const found = JSON.parse(stdout) as readonly {
    readonly ifname?: string;
    readonly addr_info?: readonly { readonly local?: string }[];
  }[];
  return new Map(
    found
      .filter((one) => one.ifname !== undefined)
      .map((one) => [
        one.ifname ?? '',
        (one.addr_info ?? []).flatMap(({ local }) => (local === undefined ? [] : [local])),
      ]),
  );
}

/** Refuses interfaces that are not there, and server addresses that none of them has. */
export async function checkInterfaces(names: readonly string[], addresses: readonly string[]): Promise<void> {
  const there = await interfaceAddresses();
  for (const name of names) {
    if (there.has(name)) continue;
    const found = [...there.keys()].filter((one) => one !== 'lo');
    throw new HostlerError(
      'failed_precondition',
      `There is no interface ${name} here (there is: ${found.join(', ') || 'none'}). ` +
        'Set site.dhcpinterfaces to the interfaces that face the nodes.',
    );
  }
  const here = names.flatMap((name) => there.get(name) ?? []);
  const missing = addresses.filter((address) => !here.includes(address));
  if (missing.length === 0) return;
  throw new HostlerError(
    'failed_precondition',
    `None of the interfaces ${names.join(', ')} has the address ${missing.join(', ')}, which nodes are told. ` +
      "Set site.master or the network's tftpserver to an address of this machine.",
  );
}

/**
 * One boot service an interface, per network namespace. The lock lies in /run, so that a service with another home
 * finds it too. Error: `failed_precondition`, naming who holds it.
 */
export async function lockInterface(name: string, who: string): Promise<Lock> {
  const space = (await readlink('/proc/self/ns/net').catch(() => 'net')).replace(/\D/g, '');
  const lock = await tryLock(join('/run/hostler', `boot-${space}-${name}.lock`), who);
  if (isLock(lock)) return lock;
  throw new HostlerError(
    'failed_precondition',
    `The interface ${name} is served already by ${lock.who} (process ${lock.pid}). Stop that one first.`,
  );
}

/**
 * Gives interfaces without any IPv6 network a private one of ours, so that dnsmasq can announce it: iPXE waits 16 s
 * for a router announcement otherwise (real-lab.md). An interface that has IPv6 already is left to its own router.
 * No IPv6 in this kernel: nothing is announced, and boots take longer.
 */
export async function announce(
  names: readonly string[],
  home: string,
  log: (line: string) => void,
): Promise<Announced[]> {
  const announced: Announced[] = [];
  const there = await interfaceAddresses();
  for (const name of names) {
    const prefix = prefixFor(home, name);
    const address = `${prefix}1`;
    const routed = (there.get(name) ?? []).filter((one) => one.includes(':') && !one.startsWith('fe80:'));
    if (routed.some((one) => !isOurs(one, prefix))) continue;
    if (!routed.includes(address)) {
      try {
        await run('ip', ['-6', 'address', 'add', `${address}/64`, 'dev', name, 'nodad', 'noprefixroute']);
      } catch (error) {
        log(`no IPv6 on ${name}, so iPXE will wait 16 s at each start: ${HostlerError.from(error).message}`);
        continue;
      }
    }
    announced.push({ interface: name, prefix });
  }
  return announced;
}

/** Takes the addresses away again, also the one that the kernel made up for itself on hearing our announcement. */
export async function withdraw(announced: readonly Announced[]): Promise<void> {
  if (announced.length === 0) return;
  const there = await interfaceAddresses();
  for (const { interface: name, prefix } of announced) {
    for (const address of (there.get(name) ?? []).filter((one) => isOurs(one, prefix))) {
      await run('ip', ['-6', 'address', 'del', `${address}/64`, 'dev', name], { allowExit: 'any' });
    }
  }
}

function isOurs(address: string, prefix: string): boolean {
  return address.startsWith(prefix.slice(0, -1));
}

/** A unique local /64 (RFC 4193) that is the same at every start. */
function prefixFor(home: string, name: string): string {
  const hash = createHash('sha256').update(`${home}\0${name}`).digest();
  // Never zero: then the address is written as the kernel writes it.
  const word = (from: number): string => (hash.readUInt16BE(from) | 1).toString(16);
  return `fd${hash.toString('hex', 0, 1)}:${word(1)}:${word(3)}::`;
}
