import type { AgentKind } from '../../shared/identity/names.ts';
import type { FleetTask } from './types.ts';

/** What the fleet keeps in its key space; the keys stand beside each. All of it JSON. */

/** `agent/<name>`: who may be an agent, and by which certificate. Written at enrolment, approval and revocation. */
export interface AgentRecord {
  readonly name: string;
  readonly kind: AgentKind;
  readonly roles: readonly string[];
  readonly standing: 'waiting' | 'admitted' | 'revoked';
  /** The newest first; an older one is kept only until the newer one was used (renewal). Empty while waiting. */
  readonly certificates: readonly CertificateRecord[];
  readonly enrolledAt: number;
  /** 0: never. A join token made before this does not let the name in again. */
  readonly revokedAt: number;
}

export interface CertificateRecord {
  readonly serial: string;
  /** PEM. */
  readonly certificate: string;
  readonly expiresAt: number;
  /** shared/identity/key-proof.ts, keyId */
  readonly key: string;
  /** Over NATS its bearer speaks by this relay; absent: to the broker itself. */
  readonly via?: string;
  /** It is a relay, and keeps a leaf node of the broker. */
  readonly leaf?: boolean;
  /** The relay that its bearer found before the manager, over whichever link; for people to see. */
  readonly behind?: string;
}

/** `life/<name>`: the agent's present incarnation, as it said hello. */
export interface LifeRecord {
  readonly incarnation: string;
  readonly version: string;
  readonly link: string;
  readonly once: boolean;
  readonly taskKinds: Readonly<Record<string, number>>;
  /** JSON of shared/task/facts.ts. */
  readonly facts: string;
  readonly since: number;
  readonly lastSeen: number;
  /** The jobs engine has heard of this life. */
  readonly heard: boolean;
  /** The agent has been told to leave, for this reason. */
  readonly dismissed?: string;
  /** The link was open when this was written: after a restart of the manager the agent is expected back. */
  readonly connected: boolean;
}

/** `applied/<name>`: how far the agent's numbered messages were applied. */
export interface AppliedRecord {
  readonly incarnation: string;
  readonly sequence: number;
}

/** `task/<agent>/<task>`: given to the agent, not ended yet. */
export interface TaskRecord {
  readonly incarnation: string;
  readonly task: FleetTask;
  /** Somebody wants it stopped, for this reason. */
  readonly cancel?: string;
}

/** `token/<id>`: a join token. The secret itself is not kept. */
export interface TokenRecord {
  readonly id: string;
  /** sha256 of the secret, hexadecimal. */
  readonly hash: string;
  readonly roles: readonly string[];
  readonly name: string;
  readonly approval: boolean;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly usesLeft: number;
}

/** `taken/<token>/<key>`: this key joined by this token; asking again gets the same answer. */
export interface TakenRecord {
  readonly agent: string;
}

/** `boot/<id>`: a boot token that was used; remembered until it could not be used any more. */
export interface BootUseRecord {
  readonly node: string;
  readonly key: string;
  readonly until: number;
}
