import { generateKeyPairSync } from 'node:crypto';
import type { LeafAccess__Output } from '../../shared/wire/generated/hostler/v1/LeafAccess.ts';
import type { NatsAccess__Output } from '../../shared/wire/generated/hostler/v1/NatsAccess.ts';
import type { LeafIdentity, NatsIdentity } from './identity-files.ts';

/** A new key for each enrolment: nothing of an earlier one goes on. */
export interface NatsKey {
  /** Ed25519, PEM; stays here. */
  readonly privateKey: string;
  /** 32 bytes. */
  readonly publicKey: Buffer;
}

export function makeNatsKey(): NatsKey {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return {
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    // The last 32 bytes of its SubjectPublicKeyInfo are the key.
    publicKey: publicKey.export({ type: 'spki', format: 'der' }).subarray(-32),
  };
}

/** What to keep, where the manager has a broker. */
export function natsIdentity(key: NatsKey, access: NatsAccess__Output | null | undefined): NatsIdentity | undefined {
  if (access === null || access === undefined || access.jwt === '') return undefined;
  const { jwt, servers, via, leaf } = access;
  return {
    key: key.privateKey,
    jwt,
    servers,
    ...(via !== '' && { via }),
    ...(leaf !== null && { leaf: leafIdentity(leaf) }),
  };
}

function leafIdentity({ jwt, account, operator, systemAccount, accounts }: LeafAccess__Output): LeafIdentity {
  return { jwt, account, trust: { operator, systemAccount, accounts } };
}
