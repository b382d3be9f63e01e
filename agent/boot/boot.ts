import { HostlerError } from '../../shared/errors/error.ts';
import { bootRecord } from '../facts/image.ts';
import { nicsOf } from '../facts/nics.ts';
import { textOf } from '../facts/read.ts';
import { bootIdOf } from '../facts/system.ts';
import { say } from '../log.ts';
import { claimToken, fetchAuthority } from './boot-server.ts';
import { parseKernelWords } from './kernel-words.ts';
import { persist } from './retry.ts';

/** What a node that booted needs to enrol. */
export interface Claimed {
  /** PEM, checked against the kernel command line. */
  readonly authority: string;
  readonly token: string;
  /** HOST:PORT */
  readonly manager: string;
}

/** In memory: every boot begins anew. */
export const bootHome = '/run/hostler/agent';

/**
 * Asks the boot server for this boot's token, until it answers. A refusal is asked again too: the administrator may
 * run nodeset, and the machine says on its console what it waits for.
 */
export async function claimBoot(signal: AbortSignal): Promise<Claimed> {
  const words = parseKernelWords(textOf('/proc/cmdline'));
  const bootId = bootIdOf();
  const tell = (line: string): void => say(line);
  const authority = await persist(() => fetchAuthority(words, signal), tell, signal);
  const { token, manager } = await persist(
    () => claimToken(words, authority, { mac: ownMac(), bootId }, signal),
    tell,
    signal,
  );
  return { authority, token, manager };
}

/** The card that the initrd booted from; without its word, the one card that has an address. */
function ownMac(): string {
  const told = bootRecord('/')?.mac ?? '';
  if (told !== '') return told;
  const cards = nicsOf('/');
  const mac = (cards.find((card) => card.addresses.length > 0) ?? cards[0])?.mac;
  if (mac === undefined) throw new HostlerError('failed_precondition', 'This machine has no network card that works.');
  return mac;
}
