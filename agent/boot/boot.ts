import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HostlerError } from '../../shared/errors/error.ts';
import { replaceFile } from '../../shared/files/durable.ts';
import type { Enrolled } from '../agent.ts';
import { enrol } from '../enrol.ts';
import type { EnrolOptions } from '../enrol.ts';
import { bootRecord } from '../facts/image.ts';
import { nicsOf } from '../facts/nics.ts';
import { textOf } from '../facts/read.ts';
import { bootIdOf } from '../facts/system.ts';
import { loadIdentity } from '../identity/identity-files.ts';
import { say } from '../log.ts';
import type { Incarnation } from '../spool/incarnation.ts';
import { claimToken, fetchAuthority } from './boot-server.ts';
import { parseKernelWords } from './kernel-words.ts';
import type { BootWords } from './kernel-words.ts';
import { persist } from './retry.ts';

/** In memory: every boot begins anew. */
export const bootHome = '/run/hostler/agent';

export type BootOptions = Pick<EnrolOptions, 'log' | 'signal'> & {
  readonly home: string;
  /** What `/proc/cmdline` says. */
  readonly commandLine: string;
  /** Of the card that it booted from; absent: found out. */
  readonly mac?: string;
};

/**
 * Enrols a machine that booted: proves this boot by a token of its boot server. Tries until it works: the administrator
 * may run nodeset, and the machine says on its console what it waits for. An agent that was only restarted goes on
 * with the certificate of this boot.
 */
export async function enrolBooted(options: BootOptions, incarnation: Incarnation): Promise<Enrolled> {
  const words = parseKernelWords(options.commandLine);
  const again = await earlierInThisBoot(options, incarnation);
  if (again !== undefined) return again;
  return persist(() => claimAndEnrol(words, options, incarnation), say, options.signal);
}

async function claimAndEnrol(words: BootWords, options: BootOptions, incarnation: Incarnation): Promise<Enrolled> {
  const { home, log, signal, mac = ownMac() } = options;
  const authority = await fetchAuthority(words, signal);
  const claim = { mac, bootId: bootIdOf() };
  const { node, token, manager } = await claimToken(words, authority, claim, signal);
  say(`this is ${node}; enrolling with ${manager}`);
  const proof = { by: 'boot', token, authority: words.authority } as const;
  const enrolled = await enrol({ home, manager, proof, log, signal }, incarnation);
  await replaceFile(managerFile(home), manager);
  return enrolled;
}

async function earlierInThisBoot(
  { home, log, signal }: BootOptions,
  incarnation: Incarnation,
): Promise<Enrolled | undefined> {
  await mkdir(home, { recursive: true, mode: 0o700 });
  const identity = await loadIdentity(home);
  const manager = await readFile(managerFile(home), 'utf8').catch(() => '');
  if (identity === undefined || identity.expiresAt <= Date.now() || manager === '') return undefined;
  return enrol({ home, manager, log, signal }, incarnation);
}

/** Where the manager is that this boot was enrolled with. */
function managerFile(home: string): string {
  return join(home, 'manager');
}

/** The card that the initrd booted from; without its word, the first one that has an address. */
export function ownMac(): string {
  const told = bootRecord('/')?.mac ?? '';
  if (told !== '') return told;
  const cards = nicsOf('/');
  const mac = (cards.find((card) => card.addresses.length > 0) ?? cards[0])?.mac;
  if (mac === undefined) throw new HostlerError('failed_precondition', 'This machine has no network card that works.');
  return mac;
}

/** The kernel's command line; empty where there is no /proc. */
export function kernelCommandLine(): string {
  return textOf('/proc/cmdline');
}
