import type { EnrolmentReply } from '../../../shared/wire/generated/hostler/v1/EnrolmentReply.ts';
import type { LeafAccess } from '../../../shared/wire/generated/hostler/v1/LeafAccess.ts';
import type { NatsAccess } from '../../../shared/wire/generated/hostler/v1/NatsAccess.ts';
import type { AgentRecord, CertificateRecord } from '../records.ts';
import type { FleetState } from '../store.ts';
import type { NatsAuthority } from './nats-authority.ts';

/** The link over NATS, as far as enrolment hands it out. */
export interface EnrolmentBroker {
  readonly authority: Pick<NatsAuthority, 'account' | 'relay' | 'makeRelay' | 'leafTrust'>;
  /** HOST:PORT each; without a host the one that the manager was reached at. */
  readonly servers: () => readonly string[];
}

/** What an agent says of its way to the broker when it enrols. */
export interface WayAsked {
  readonly natsKey: Uint8Array;
  /** The relay that it found before the manager; empty: none. */
  readonly via: string;
  /** It is a relay, and can keep a leaf node. */
  readonly leaf?: boolean;
}

/** By which way the bearer of a certificate speaks; absent: to the broker itself, and it keeps no leaf node. */
export type Way = Pick<CertificateRecord, 'via' | 'leaf' | 'behind'>;

type Noted = (name: string, serial: string, way: Way) => Promise<void>;

/**
 * Along with the certificate goes what lets its holder in at the broker: made anew each time. All that is kept of it is the
 * way: by whom an agent speaks is for the agent to say, and what comes by another way in its name is not from it.
 */
export async function grantBroker(
  reply: EnrolmentReply,
  asked: WayAsked,
  {
    broker,
    state,
    noted,
  }: { readonly broker: EnrolmentBroker | undefined; readonly state: FleetState; readonly noted: Noted },
): Promise<EnrolmentReply> {
  const { agent: name = '', certificate } = reply;
  const record = state.agents.get(name);
  const current = record?.certificates.find((one) => one.certificate === certificate);
  if (record === undefined || current === undefined) return reply;
  const isBehind = asked.via !== name && state.agents.get(asked.via)?.roles.includes('relay') === true;
  const behind = isBehind && { behind: asked.via };
  if (asked.natsKey.length === 0 || broker === undefined) {
    if (isBehind && current.behind !== asked.via) await noted(name, current.serial, { ...behind });
    return reply;
  }
  const { authority } = broker;
  const relay = asked.via !== name && keepsLeaf(state, asked.via) ? authority.relay(asked.via) : undefined;
  const leaf = asked.leaf === true && record.roles.includes('relay');
  const way: Way = { ...(relay !== undefined && { via: asked.via }), ...(leaf && { leaf }), ...behind };
  if (way.via !== current.via || way.leaf !== current.leaf || way.behind !== current.behind)
    await noted(name, current.serial, way);
  const owner = { name, serial: current.serial };
  const told = broker.servers();
  const nats: NatsAccess = {
    jwt: await (relay ?? authority.account).agentUser(owner, asked.natsKey, current.expiresAt),
    // A leaf listens where the relay does, on the broker's port.
    servers: relay === undefined ? [...told] : [`:${(told[0] ?? '').replace(/^.*:/, '')}`],
    via: way.via ?? '',
    leaf: leaf ? await leafAccess(authority, name, asked.natsKey, current.expiresAt) : null,
  };
  return { ...reply, nats };
}

async function leafAccess(
  authority: EnrolmentBroker['authority'],
  name: string,
  key: Uint8Array,
  expiresAt: number,
): Promise<LeafAccess> {
  const account = await authority.makeRelay(name);
  return {
    jwt: await account.leafUser(name, key, expiresAt),
    account: account.publicKey,
    ...(await authority.leafTrust(account)),
  };
}

/** Whether agents may be behind that one. */
export function keepsLeaf({ agents }: FleetState, name: string): boolean {
  const record = agents.get(name);
  return (
    record?.standing === 'admitted' && record.roles.includes('relay') && record.certificates.some(({ leaf }) => leaf)
  );
}

/** The same record, with the way of one of its certificates. */
export function withWay(record: AgentRecord, serial: string, way: Way): AgentRecord {
  const certificates = record.certificates.map((one): CertificateRecord => {
    if (one.serial !== serial) return one;
    const { certificate, expiresAt, key } = one;
    return { serial, certificate, expiresAt, key, ...way };
  });
  return { ...record, certificates };
}
