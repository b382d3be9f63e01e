import { createHash } from 'node:crypto';
import { type Account, type KeyPair, type User, encodeAccount, encodeUser, newScopedSigner } from 'nats-jwt';
import { createUser } from 'nkeys.js';
import type { BrokerLogin } from '../../../shared/broker/connection.ts';
import { HostlerError } from '../../../shared/errors/error.ts';
import { managerName } from '../../../shared/identity/names.ts';
import {
  type SubjectOwner,
  brokerNews,
  credentialName,
  ownSubjects,
  ownSubjectsOf,
} from '../../../shared/identity/subjects.ts';
import type { TlsIdentity } from '../../../shared/identity/tls.ts';
import { fastKey, seedOf, userKey } from './nkey.ts';

/** Subscriptions that an agent may have; it needs one for all and one a connection. */
const subscriptions = 16;

/** What an account may use; a broker that was set up otherwise limits it further. */
export const unlimited = {
  subs: -1,
  data: -1,
  payload: -1,
  imports: -1,
  exports: -1,
  wildcards: true,
  conn: -1,
  leaf: -1,
  disallow_bearer: true,
} as const;

export interface AccountSeeds {
  readonly account: string;
  /** Signs agents' credentials, which can do nothing beyond its scope; absent: the account does, and each says what it may. */
  readonly agents?: string;
}

/** What a server lets an account do: the same one is known to the broker and to a relay's leaf node, for different things. */
export interface AccountMay {
  /** Streams on that server's disk. */
  readonly keep: boolean;
  /**
   * Leaf nodes may connect in it. nats-server 2.9 does not check what a leaf node publishes: whoever comes in as one speaks
   * for everybody in the account.
   */
  readonly leaf: boolean;
}

/**
 * One account at the broker: a room in which nobody hears or says anything beyond it. The agents that reach the broker
 * itself share one; those behind a relay have that relay's.
 */
export class NatsAccount {
  readonly #account: KeyPair;
  readonly #agents: KeyPair | undefined;
  /** Public key of the system account. */
  readonly #system: string;

  constructor(seeds: AccountSeeds, system: string) {
    this.#account = fastKey(seeds.account);
    this.#agents = seeds.agents === undefined ? undefined : fastKey(seeds.agents);
    this.#system = system;
  }

  get publicKey(): string {
    return this.#account.getPublicKey();
  }

  /** For a server: signed by the operator. */
  jwt(operator: KeyPair, may: AccountMay): Promise<string> {
    return encodeAccount('hostler', this.#account, this.#claims(may), { signer: operator });
  }

  /** Of what the JWT says, whenever it was signed. */
  says(may: AccountMay): string {
    return createHash('sha256')
      .update(JSON.stringify(this.#claims(may)))
      .digest('hex');
  }

  /** The manager's own way in, to everything in the account: made anew for each connection. */
  async managerLogin(servers: readonly string[], tls: TlsIdentity): Promise<BrokerLogin> {
    const user = fastKey(seedOf(createUser()));
    const jwt = await encodeUser('manager', user, this.#account);
    return { servers, jwt, sign: (nonce) => user.sign(nonce), tls, name: managerName };
  }

  /**
   * An agent's credential, for its own subjects alone and as long as its certificate. `key`: Ed25519 public key, 32 bytes;
   * throws `invalid_argument` when it is none. `expiresAt`: milliseconds since the epoch.
   */
  agentUser(agent: SubjectOwner, key: Uint8Array, expiresAt: number): Promise<string> {
    const exp = Math.floor(expiresAt / 1000);
    const tags = [`serial:${agent.serial}`];
    const name = credentialName(agent.name);
    if (this.#agents !== undefined) {
      return encodeUser(name, keyOf(key), this.publicKey, { tags }, { signer: this.#agents, scopedUser: true, exp });
    }
    const { publish, subscribe } = ownSubjectsOf(agent);
    const may: Partial<User> = {
      tags,
      pub: { allow: [...publish], deny: [] },
      sub: { allow: [...subscribe], deny: [] },
      subs: subscriptions,
      // In this account leaf nodes may connect, which may say everything; a scope cannot forbid that (2.9).
      allowed_connection_types: ['STANDARD'],
    };
    return encodeUser(name, keyOf(key), this.#account, may, { exp });
  }

  /** What lets a relay's leaf node in, and nobody else; arguments as for `agentUser`. */
  leafUser(relay: string, key: Uint8Array, expiresAt: number): Promise<string> {
    const options = { exp: Math.floor(expiresAt / 1000) };
    const only: Partial<User> = { allowed_connection_types: ['LEAFNODE'] };
    return encodeUser(credentialName(relay), keyOf(key), this.#account, only, options);
  }

  #claims({ keep, leaf }: AccountMay): Partial<Account> {
    const { publish, subscribe } = ownSubjects;
    const most = keep ? -1 : 0;
    return {
      limits: {
        ...unlimited,
        leaf: leaf ? -1 : 0,
        mem_storage: 0,
        disk_storage: most,
        streams: most,
        consumer: most,
      },
      imports: [
        {
          name: 'connections that ended',
          account: this.#system,
          subject: `$SYS.ACCOUNT.${this.publicKey}.DISCONNECT`,
          local_subject: brokerNews,
          type: 'stream',
        },
      ],
      ...(this.#agents !== undefined && {
        signing_keys: [
          newScopedSigner(this.#agents, 'agents', {
            pub: { allow: [...publish], deny: [] },
            sub: { allow: [...subscribe], deny: [] },
            subs: subscriptions,
          }),
        ],
      }),
    };
  }
}

function keyOf(raw: Uint8Array): string {
  const key = userKey(raw);
  if (key === undefined) throw new HostlerError('invalid_argument', 'The NATS key is no Ed25519 public key.');
  return key;
}
