import { X509Certificate, generateKeyPairSync } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { Metadata } from '@grpc/grpc-js';
import { learnAuthority } from '../../agent/identity/authority-pin.ts';
import { fingerprintIn } from '../../agent/identity/enrol.ts';
import type { Identity } from '../../agent/identity/identity-files.ts';
import { makeNatsKey, natsIdentity } from '../../agent/identity/nats-key.ts';
import { anonymousCredentials, clientOptions, grpcTarget } from '../../agent/link/grpc-client.ts';
import { peerIdentity } from '../../shared/identity/certificate.ts';
import { proveKey } from '../../shared/identity/key-proof.ts';
import { callUnary } from '../../shared/wire/call.ts';
import { wire } from '../../shared/wire/definitions.ts';
import type { EnrolmentReply__Output } from '../../shared/wire/generated/hostler/v1/EnrolmentReply.ts';
import type { JoinRequest } from '../../shared/wire/generated/hostler/v1/JoinRequest.ts';

export interface EnrolMany {
  /** `HOST:PORT` or `unix:PATH` */
  readonly manager: string;
  /** Join tokens; together with a use for every agent. Several are faster: one is used by one at a time. */
  readonly tokens: readonly string[];
  readonly names: readonly string[];
  /** A file that keeps the identities for the next run against the same manager (0600: there are keys in it). */
  readonly keep?: string | undefined;
}

/** How many ask at a time with one token. */
const together = 2;

/** Certificates for many agents, by the ordinary way, over one connection: a key each, a proof each, an answer each. */
export async function enrolMany({ manager, tokens, names, keep }: EnrolMany): Promise<Identity[]> {
  const kept = keep !== undefined && existsSync(keep) ? (JSON.parse(readFileSync(keep, 'utf8')) as Identity[]) : [];
  const known = new Map(kept.map((identity) => [identity.name, identity]));
  const waiting = names.filter((name) => !known.has(name));
  if (waiting.length > 0) {
    const [first = ''] = tokens;
    const { authority } = await learnAuthority(manager, fingerprintIn(first), AbortSignal.timeout(60_000));
    const client = new wire.Enrolment(grpcTarget(manager), anonymousCredentials(authority), clientOptions);
    const worker = async (token: string): Promise<void> => {
      for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
        known.set(name, await enrolOne(client, token, name, authority));
      }
    };
    try {
      await Promise.all(tokens.flatMap((token) => Array.from({ length: together }, () => worker(token))));
    } finally {
      client.close();
    }
    if (keep !== undefined) await writeFile(keep, JSON.stringify([...known.values()]), { mode: 0o600 });
  }
  return names.flatMap((name) => known.get(name) ?? []);
}

async function enrolOne(
  client: InstanceType<typeof wire.Enrolment>,
  token: string,
  name: string,
  authority: string,
): Promise<Identity> {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const nats = makeNatsKey();
  const reply: EnrolmentReply__Output = await callUnary<JoinRequest, EnrolmentReply__Output>(
    client.Join.bind(client),
    {
      token,
      name,
      roles: [],
      version: '0.0.0-sim',
      incarnation: lifeOf(name),
      key: proveKey(key, token),
      natsKey: nats.publicKey,
    },
    new Metadata(),
    { deadline: Date.now() + 120_000, what: `Cannot enrol ${name}` },
  );
  const peer = peerIdentity(reply.certificate);
  if (peer === undefined) throw new Error(`${name} was given no certificate: ${reply.message}`);
  const access = natsIdentity(nats, reply.nats);
  return {
    ...peer,
    key,
    certificate: reply.certificate,
    authority,
    expiresAt: Date.parse(new X509Certificate(reply.certificate).validTo),
    ...(access === undefined ? {} : { nats: access }),
  };
}

/** Begins the name of each life of a simulated agent. */
export function lifeOf(name: string): string {
  return `life-of-${name}`;
}
