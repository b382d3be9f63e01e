import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Account, type KeyPair, encodeAccount, encodeOperator, encodeUser, newScopedSigner } from 'nats-jwt';
import { createAccount, createOperator, createUser } from 'nkeys.js';
import type { BrokerLogin } from '../../../shared/broker/connection.ts';
import { HostlerError } from '../../../shared/errors/error.ts';
import { replaceFile } from '../../../shared/files/durable.ts';
import { type SubjectOwner, brokerNews, credentialName, ownSubjects } from '../../../shared/identity/subjects.ts';
import { managerName } from '../../../shared/identity/names.ts';
import type { TlsIdentity } from '../../../shared/identity/tls.ts';
import { fastKey, userKey } from './nkey.ts';

/** The seeds in `<folder>/nats.json` (0600). */
interface Seeds {
  readonly operator: string;
  readonly system: string;
  readonly account: string;
  /** Signs agents' credentials, which can do nothing beyond its scope. */
  readonly agents: string;
}

const seedNames = ['operator', 'system', 'account', 'agents'] as const;

/** What a nats-server has to be told to trust this manager, and nobody else. */
export interface BrokerTrust {
  readonly operator: string;
  readonly systemAccount: string;
  /** Public key of an account → its JWT, for `resolver_preload`. */
  readonly accounts: Readonly<Record<string, string>>;
}

/** Subscriptions that an agent may have; it needs one for all and one a connection. */
const subscriptions = 16;

/** What an account may use; a broker that was set up otherwise limits it further. */
const unlimited = {
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

/**
 * The manager's identity for the broker: an operator, an account and its signing key, all of them nkeys. The broker
 * trusts the operator; a new agent gets a JWT that it checks by signatures alone, so that nothing is reloaded.
 */
export class NatsAuthority {
  readonly #seeds: Seeds;
  readonly #account: KeyPair;
  readonly #agents: KeyPair;

  private constructor(seeds: Seeds) {
    this.#seeds = seeds;
    this.#account = fastKey(seeds.account);
    this.#agents = fastKey(seeds.agents);
  }

  /** Reads `<folder>/nats.json`, or makes it. */
  static async open(folder: string): Promise<NatsAuthority> {
    const path = join(folder, 'nats.json');
    await mkdir(folder, { recursive: true, mode: 0o755 });
    const text = await readFile(path, 'utf8').catch((thrown: unknown) => {
      if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return undefined;
      throw thrown;
    });
    if (text !== undefined) return new NatsAuthority(readSeeds(text, path));
    const seeds: Seeds = {
      operator: seedOf(createOperator()),
      system: seedOf(createAccount()),
      account: seedOf(createAccount()),
      agents: seedOf(createAccount()),
    };
    await replaceFile(path, `${JSON.stringify(seeds, undefined, 2)}\n`, 0o600);
    return new NatsAuthority(seeds);
  }

  async trust(): Promise<BrokerTrust> {
    const operator = fastKey(this.#seeds.operator);
    const system = fastKey(this.#seeds.system);
    const systemJwt = await encodeAccount(
      'SYS',
      system,
      {
        limits: unlimited,
        // Accounts may hear of their own connections.
        exports: [{ name: 'connections', subject: '$SYS.ACCOUNT.*.>', type: 'stream', account_token_position: 3 }],
      },
      { signer: operator },
    );
    const accountJwt = await encodeAccount('hostler', this.#account, this.#accountClaims(system.getPublicKey()), {
      signer: operator,
    });
    return {
      operator: await encodeOperator('hostler', operator, { system_account: system.getPublicKey() }),
      systemAccount: system.getPublicKey(),
      accounts: { [system.getPublicKey()]: systemJwt, [this.#account.getPublicKey()]: accountJwt },
    };
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
    const user = userKey(key);
    if (user === undefined) throw new HostlerError('invalid_argument', 'The NATS key is no Ed25519 public key.');
    const options = { signer: this.#agents, scopedUser: true, exp: Math.floor(expiresAt / 1000) };
    const tags = [`serial:${agent.serial}`];
    return encodeUser(credentialName(agent.name), user, this.#account.getPublicKey(), { tags }, options);
  }

  #accountClaims(system: string): Partial<Account> {
    const { publish, subscribe } = ownSubjects;
    return {
      limits: {
        ...unlimited,
        mem_storage: 0,
        disk_storage: -1,
        streams: -1,
        consumer: -1,
      },
      imports: [
        {
          name: 'connections that ended',
          account: system,
          subject: `$SYS.ACCOUNT.${this.#account.getPublicKey()}.DISCONNECT`,
          local_subject: brokerNews,
          type: 'stream',
        },
      ],
      signing_keys: [
        newScopedSigner(this.#agents, 'agents', {
          pub: { allow: [...publish], deny: [] },
          sub: { allow: [...subscribe], deny: [] },
          subs: subscriptions,
        }),
      ],
    };
  }
}

function seedOf(key: { getSeed(): Uint8Array }): string {
  return new TextDecoder().decode(key.getSeed());
}

function readSeeds(text: string, path: string): Seeds {
  try {
    const value = JSON.parse(text) as Seeds;
    for (const name of seedNames) fastKey(value[name]);
    return value;
  } catch (cause) {
    throw new HostlerError(
      'failed_precondition',
      `${path} holds no keys for the broker any more. Put it back from a backup; or take it away: then new keys are made, ` +
        `the broker has to be started again, and agents renew their credentials.`,
      { cause },
    );
  }
}
