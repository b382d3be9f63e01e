import { createHash } from 'node:crypto';
import { readlink } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import type { Announced } from '../../../shared/boot/dnsmasq.ts';
import { HostlerError } from '../../../shared/errors/error.ts';
import { run } from '../../../shared/process/run.ts';
import { isLock, tryLock, type Lock } from '../lock.ts';

/** Refuses interfaces that are not there, and a server address that none of them has. */
export function checkInterfaces(names: readonly string[], address: string): void {
  const there = networkInterfaces();
  for (const name of names) {
    if (there[name]) continue;
    const found = Object.keys(there).filter((one) => one !== 'lo');
    throw new HostlerError(
      'failed_precondition',
      `The interface ${name} is not here or has no address (there is: ${found.join(', ') || 'none'}). ` +
        'Set site.dhcpinterfaces to the interfaces that face the nodes.',
    );
  }
  if (names.some((name) => there[name]?.some((one) => one.address === address))) return;
  throw new HostlerError(
    'failed_precondition',
    `None of the interfaces ${names.join(', ')} has the address ${address}, which nodes are told. ` +
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
  for (const name of names) {
    const prefix = prefixFor(home, name);
    const address = `${prefix}1`;
    const own = (networkInterfaces()[name] ?? []).filter(
      (one) => one.family === 'IPv6' && !one.address.startsWith('fe80:'),
    );
    if (own.some((one) => one.address !== address)) continue;
    if (own.length === 0) {
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

export async function withdraw(announced: readonly Announced[]): Promise<void> {
  for (const { interface: name, prefix } of announced) {
    await run('ip', ['-6', 'address', 'del', `${prefix}1/64`, 'dev', name], { allowExit: 'any' });
  }
}

/** A unique local /64 (RFC 4193) that is the same at every start. */
function prefixFor(home: string, name: string): string {
  const hash = createHash('sha256').update(`${home}\0${name}`).digest();
  const word = (from: number): string => hash.readUInt16BE(from).toString(16);
  return `fd${hash.toString('hex', 0, 1)}:${word(1)}:${word(3)}::`;
}
