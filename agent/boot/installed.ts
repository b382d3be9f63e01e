import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fingerprintOf, isFingerprint } from '../../shared/identity/certificate.ts';
import type { CloneEnrolment } from '../../shared/task/clone.ts';
import type { Enrolled } from '../agent.ts';
import { enrol } from '../enrol.ts';
import type { EnrolOptions } from '../enrol.ts';
import { textOf } from '../facts/read.ts';
import { loadIdentity } from '../identity/identity-files.ts';
import { say } from '../log.ts';
import type { Incarnation } from '../spool/incarnation.ts';
import { persist } from './retry.ts';

/** On disk: the machine stays who it is over its boots. */
export const installedHome = '/var/lib/hostler/agent';

/** What the installer left on a clone. */
export const installedFile = 'var/lib/hostler/installed.json';

/** Undefined where this machine was not installed by us. */
export function installedRecord(root = '/'): CloneEnrolment | undefined {
  try {
    const value = JSON.parse(textOf(join(root, installedFile))) as Partial<Record<keyof CloneEnrolment, unknown>>;
    const word = (name: keyof CloneEnrolment): string => {
      const text = value[name];
      return typeof text === 'string' && text.length <= 4096 ? text : '';
    };
    if (!isFingerprint(word('authority')) || word('node') === '' || word('manager') === '') return undefined;
    return {
      server: word('server'),
      secure: word('secure'),
      authority: word('authority'),
      node: word('node'),
      mac: word('mac'),
      image: word('image'),
      token: word('token'),
      manager: word('manager'),
    };
  } catch {
    return undefined; // no such file, or not ours
  }
}

/**
 * Enrols a machine that was installed: at its first start by the token that the installer left, later by its
 * certificate. Tries until it works. A token that was too old says so on the console; nodeset gives another.
 */
export async function enrolInstalled(
  { home, log, signal }: Pick<EnrolOptions, 'home' | 'log' | 'signal'>,
  record: CloneEnrolment,
  incarnation: Incarnation,
): Promise<Enrolled> {
  await mkdir(home, { recursive: true, mode: 0o700 });
  const { manager, authority, token } = record;
  const identity = await loadIdentity(home);
  const known =
    identity !== undefined && identity.expiresAt > Date.now() && fingerprintOf(identity.authority) === authority;
  const proof = known ? {} : { proof: { by: 'boot', token, authority } as const };
  return persist(() => enrol({ home, manager, log, signal, ...proof }, incarnation), say, signal);
}
