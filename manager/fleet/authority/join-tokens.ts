import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { HostlerError } from '../../../shared/errors/error.ts';
import { isAgentName, isRole, roles as allRoles } from '../../../shared/identity/names.ts';
import type { TokenRecord } from '../records.ts';
import type { TokenRequest } from '../types.ts';

const longestLife = 365 * 24 * 3600;
const mostUses = 100_000;

/**
 * A join token as it is shown once: `<id>.<secret>.<fingerprint of the authority>`, all hexadecimal. The fingerprint lets
 * an agent pin the manager by what the administrator pasted. Kept: the id and a hash of the secret.
 */
export function makeJoinToken(
  request: TokenRequest,
  fingerprint: string,
  now: number,
): { token: string; record: TokenRecord } {
  checkRequest(request);
  const id = randomBytes(8).toString('hex');
  const secret = randomBytes(24).toString('hex');
  return {
    token: `${id}.${secret}.${fingerprint}`,
    record: {
      id,
      hash: hashOf(secret).toString('hex'),
      roles: [...new Set(request.roles)],
      name: request.name,
      approval: request.approval,
      createdAt: now,
      expiresAt: now + (request.lifetime === 0 ? 3600 : request.lifetime) * 1000,
      usesLeft: request.uses === 0 ? 1 : request.uses,
    },
  };
}

function checkRequest({ roles, name, lifetime, uses }: TokenRequest): void {
  const refuse = (message: string): never => {
    throw new HostlerError('invalid_argument', message);
  };
  if (roles.length === 0) refuse(`A join token needs roles: one or more of ${allRoles.join(', ')}.`);
  const odd = roles.find((role) => !isRole(role));
  if (odd !== undefined) refuse(`'${odd}' is no role; the roles are ${allRoles.join(', ')}.`);
  if (name !== '' && !isAgentName(name)) refuse(`'${name}' cannot be an agent's name.`);
  if (lifetime < 0 || lifetime > longestLife) refuse(`A join token lives 1 to ${longestLife} seconds.`);
  if (uses < 0 || uses > mostUses) refuse(`A join token can be used 1 to ${mostUses} times.`);
}

/** The token's record when its secret is right. Says nothing about expiry and uses; undefined when it is not one of ours. */
export function findJoinToken(token: string, known: ReadonlyMap<string, TokenRecord>): TokenRecord | undefined {
  const parts = /^([0-9a-f]{16})\.([0-9a-f]{48})(?:\.[0-9a-f]{64})?$/.exec(token);
  const [, id = '', secret = ''] = parts ?? [];
  const record = known.get(id);
  // The same work for ids that do not exist.
  const expected = Buffer.from(record?.hash ?? hashOf('').toString('hex'), 'hex');
  const right = timingSafeEqual(hashOf(secret), expected);
  return right ? record : undefined;
}

function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
