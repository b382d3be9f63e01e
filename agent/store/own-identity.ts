import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { HostlerError } from '../../shared/errors/error.ts';
import type { TlsIdentity } from '../../shared/identity/tls.ts';

/** The agent's key and certificate, for a task's own process. `failed_precondition`: this agent has not joined yet. */
export function readIdentity(home: string): TlsIdentity {
  const read = (name: string): string => readFileSync(join(home, 'identity', name), 'utf8');
  try {
    return { key: read('key.pem'), certificate: read('certificate.pem'), authority: read('authority.pem') };
  } catch (cause) {
    throw new HostlerError('failed_precondition', `This agent has no identity in ${home} yet; it must join first.`, { cause });
  }
}
