import { type ChannelCredentials, Metadata } from '@grpc/grpc-js';
import { HostlerError } from '../../shared/errors/error.ts';
import { proveKey } from '../../shared/identity/key-proof.ts';
import { isFingerprint } from '../../shared/identity/certificate.ts';
import { callUnary } from '../../shared/wire/call.ts';
import { wire } from '../../shared/wire/definitions.ts';
import type { EnrolmentClient } from '../../shared/wire/generated/hostler/v1/Enrolment.ts';
import type { EnrolmentReply__Output } from '../../shared/wire/generated/hostler/v1/EnrolmentReply.ts';
import { anonymousCredentials, clientOptions, grpcTarget, mutualCredentials } from '../link/grpc-client.ts';
import type { Identity } from './identity-files.ts';

/** How long one question may take, in milliseconds. */
const patience = 30_000;

export interface JoinAsked {
  readonly token: string;
  readonly name: string;
  readonly roles: readonly string[];
  readonly version: string;
  readonly incarnation: string;
  /** Ed25519 public key for the link over NATS (nats-key.ts). */
  readonly natsKey?: Buffer;
  /** The relay that was found at the manager's address. */
  readonly via?: string;
  /** This agent is a relay, and can keep a leaf node of the broker. */
  readonly leaf?: boolean;
}

export type BootAsked = Pick<JoinAsked, 'token' | 'version' | 'incarnation' | 'natsKey' | 'via'>;

export type RenewAsked = Pick<JoinAsked, 'natsKey' | 'via' | 'leaf'>;

/** The fingerprint of the manager's authority that a join token names; undefined for one that was cut. */
export function fingerprintIn(token: string): string | undefined {
  const last = token.split('.')[2];
  return last !== undefined && isFingerprint(last) ? last : undefined;
}

export function askJoin(
  address: string,
  authority: string,
  asked: JoinAsked,
  key: string,
  signal: AbortSignal,
): Promise<EnrolmentReply__Output> {
  const request = { ...asked, roles: [...asked.roles], key: proveKey(key, asked.token) };
  return ask(address, anonymousCredentials(authority), signal, (client) => client.Join.bind(client), request);
}

export function askBoot(
  address: string,
  authority: string,
  asked: BootAsked,
  key: string,
  signal: AbortSignal,
): Promise<EnrolmentReply__Output> {
  const request = { ...asked, key: proveKey(key, asked.token) };
  return ask(address, anonymousCredentials(authority), signal, (client) => client.Boot.bind(client), request);
}

export function askRenew(
  address: string,
  identity: Identity,
  key: string,
  signal: AbortSignal,
  asked: RenewAsked = {},
): Promise<EnrolmentReply__Output> {
  const request = { ...asked, key: proveKey(key, identity.serial) };
  return ask(address, mutualCredentials(identity), signal, (client) => client.Renew.bind(client), request);
}

async function ask<Request>(
  address: string,
  credentials: ChannelCredentials,
  signal: AbortSignal,
  method: (client: EnrolmentClient) => Parameters<typeof callUnary<Request, EnrolmentReply__Output>>[0],
  request: Request,
): Promise<EnrolmentReply__Output> {
  const client = new wire.Enrolment(grpcTarget(address), credentials, clientOptions);
  try {
    return await callUnary(method(client), request, new Metadata(), {
      deadline: Date.now() + patience,
      signal,
      what: `Cannot enrol with the manager at ${address}`,
    });
  } catch (thrown) {
    if (signal.aborted) throw HostlerError.from(signal.reason, 'cancelled');
    throw thrown;
  } finally {
    client.close();
  }
}
