import { cpus, endianness, hostname, machine, platform, release, totalmem, uptime, version } from 'node:os';
import { join } from 'node:path';
import type { Facts } from '../../shared/task/facts.ts';
import { textOf } from './read.ts';

/** xCAT's word for the machine's architecture. */
export function archWord(): string {
  // On AIX `uname -m` is the machine's serial number.
  if (platform() !== 'aix') return machine() === 'arm64' ? 'aarch64' : machine();
  return endianness() === 'LE' ? 'ppc64le' : 'ppc64';
}

/** os-release of Linux; elsewhere what Node knows. */
export function osFacts(root: string): Facts['os'] {
  const text = textOf(join(root, 'etc/os-release')) || textOf(join(root, 'usr/lib/os-release'));
  if (text === '') return { id: platform(), version: release(), name: version() };
  const fields = parseOsRelease(text);
  const id = fields.get('ID') ?? 'linux';
  return { id, version: fields.get('VERSION_ID') ?? '', name: fields.get('PRETTY_NAME') ?? id };
}

/** NAME=value lines as os-release(5) has them: values plain or quoted. */
export function parseOsRelease(text: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^([A-Z][A-Z0-9_]*)=(.*)$/.exec(line.trim());
    if (match?.[1] === undefined) continue;
    const raw = match[2] ?? '';
    const quoted = /^(["'])(.*)\1$/.exec(raw);
    fields.set(match[1], quoted === null ? raw : (quoted[2] ?? '').replace(/\\(["'$`\\])/g, '$1'));
  }
  return fields;
}

/**
 * What tells one boot of this machine from another: the kernel's boot id on Linux, elsewhere `booted:SECONDS` (since
 * the epoch; see sameBoot).
 */
export function bootIdOf(root = '/'): string {
  const id = textOf(join(root, 'proc/sys/kernel/random/boot_id'));
  return /^[0-9a-f-]{36}$/.test(id) ? id : `booted:${Math.round(Date.now() / 1000 - uptime())}`;
}

/** A boot time that is computed from clock and uptime moves a little when the clock is set. */
export function sameBoot(one: string, other: string): boolean {
  if (one === other) return true;
  if (!one.startsWith('booted:') || !other.startsWith('booted:')) return false;
  return Math.abs(Number(one.slice(7)) - Number(other.slice(7))) <= 300;
}

export function machineFacts(
  root: string,
): Pick<Facts, 'hostname' | 'arch' | 'kernel' | 'cores' | 'memoryBytes' | 'serial' | 'product'> {
  const dmi = join(root, 'sys/class/dmi/id');
  const tree = join(root, 'proc/device-tree');
  return {
    hostname: hostname(),
    arch: archWord(),
    kernel: release(),
    cores: cpus().length || 1,
    memoryBytes: totalmem(),
    serial:
      real(textOf(join(dmi, 'product_serial'))) ||
      real(textOf(join(tree, 'system-id'))) ||
      real(textOf(join(tree, 'serial-number'))),
    product: real(textOf(join(dmi, 'product_name'))) || real(textOf(join(tree, 'model'))),
  };
}

/** Firmware leaves sentences where it has no answer; the device tree ends its strings with NUL. */
function real(text: string): string {
  const clean = text.replace(/\0/g, '').trim();
  return /^(none|not specified|to be filled|system serial|default string|0+|x+)\b/i.test(clean)
    ? ''
    : clean.slice(0, 200);
}
