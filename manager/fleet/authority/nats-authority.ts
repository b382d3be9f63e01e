import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeAccount, encodeOperator, encodeUser } from 'nats-jwt';
import { createAccount, createOperator, createUser } from 'nkeys.js';
import type { BrokerTrust } from '../../../shared/broker/config.ts';
import type { BrokerLogin } from '../../../shared/broker/connection.ts';
import { HostlerError } from '../../../shared/errors/error.ts';
import { replaceFile } from '../../../shared/files/durable.ts';
import { isAgentName, managerName } from '../../../shared/identity/names.ts';
import type { TlsIdentity } from '../../../shared/identity/tls.ts';
import { KeyedLock } from '../keyed-lock.ts';
import { type AccountMay, type AccountSeeds, NatsAccount, unlimited } from './nats-account.ts';
import { fastKey, seedOf } from './nkey.ts';

/** The seeds in `<folder>/nats.json` (0600). */
interface Seeds extends Required<AccountSeeds> {
  readonly operator: string;
  readonly system: string;
}

const seedNames = ['operator', 'system', 'account', 'agents'] as const;
const relaySeedNames = ['account'] as const;

/** The account of who reaches the broker itself; that of a relay at the broker, and at its leaf node. */
const atBroker: AccountMay = { keep: true, leaf: false };
const ofRelay: AccountMay = { keep: false, leaf: true };
// Its own connection to the broker counts; it listens for no other leaf nodes.
const atLeaf: AccountMay = { keep: true, leaf: true };

/** The seeds of a relay's account are in `<folder>/nats-relays/<name>.json` (0600). */
const relayFolder = 'nats-relays';

/**
 * The manager's identity for the broker: an operator, and an account for the agents that reach the broker itself, and one
 * for each relay and who is behind it; all of them nkeys. The broker trusts the operator; a new agent gets a JWT that it
 * checks by signatures alone, so that nothing is reloaded.
 */
export class NatsAuthority {
  /** For agents that reach the broker itself. */
  readonly account: NatsAccount;
  readonly #folder: string;
  readonly #seeds: Seeds;
  readonly #relays = new Map<string, NatsAccount>();
  readonly #names = new KeyedLock();
  #made: () => void = () => undefined;

  private constructor(folder: string, seeds: Seeds) {
    this.#folder = folder;
    this.#seeds = seeds;
    this.account = new NatsAccount(seeds, this.#system);
  }

  /** Reads `<folder>/nats.json` and what relays have, or makes it. */
  static async open(folder: string): Promise<NatsAuthority> {
    const path = join(folder, 'nats.json');
    await mkdir(folder, { recursive: true, mode: 0o755 });
    const fresh = {
      operator: seedOf(createOperator()),
      system: seedOf(createAccount()),
      account: seedOf(createAccount()),
      agents: seedOf(createAccount()),
    };
    const authority = new NatsAuthority(folder, await seedsIn(path, seedNames, fresh));
    for (const file of await readdir(join(folder, relayFolder)).catch(() => [])) {
      const name = file.replace(/\.json$/, '');
      if (file.endsWith('.json') && isAgentName(name)) await authority.makeRelay(name);
    }
    return authority;
  }

  /** Public key of the system account. */
  get #system(): string {
    return fastKey(this.#seeds.system).getPublicKey();
  }

  /** The relays that have an account. */
  get relays(): string[] {
    return [...this.#relays.keys()];
  }

  /** The account of a relay and who is behind it; undefined when it has none. */
  relay(name: string): NatsAccount | undefined {
    return this.#relays.get(name);
  }

  /** The account of a relay; made, and on disk when it resolves, where there is none. */
  async makeRelay(name: string): Promise<NatsAccount> {
    // It becomes a file name.
    if (!isAgentName(name)) throw new HostlerError('invalid_argument', 'No relay can have that name.');
    return this.#names.run(name, async () => {
      const known = this.#relays.get(name);
      if (known !== undefined) return known;
      const folder = join(this.#folder, relayFolder);
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const fresh = { account: seedOf(createAccount()) };
      const seeds = await seedsIn(join(folder, `${name}.json`), relaySeedNames, fresh);
      const account = new NatsAccount(seeds, this.#system);
      this.#relays.set(name, account);
      this.#made();
      return account;
    });
  }

  /** Called when there is another relay. */
  onRelay(listener: () => void): void {
    this.#made = listener;
  }

  /** Whom the broker trusts. */
  trust(): Promise<BrokerTrust> {
    return this.#trusting(this.account, atBroker);
  }

  /** Whom the leaf node of a relay trusts: its own agents. */
  leafTrust(relay: NatsAccount): Promise<BrokerTrust> {
    return this.#trusting(relay, atLeaf);
  }

  /** Of what `trust` says, whenever it was signed. */
  get says(): string {
    return createHash('sha256')
      .update(`${this.account.says(atBroker)} full resolver`)
      .digest('hex');
  }

  async #trusting(account: NatsAccount, may: AccountMay): Promise<BrokerTrust> {
    const operator = fastKey(this.#seeds.operator);
    const system = this.#system;
    const systemClaims = {
      limits: unlimited,
      // Accounts may hear of their own connections.
      exports: [
        { name: 'connections', subject: '$SYS.ACCOUNT.*.>', type: 'stream' as const, account_token_position: 3 },
      ],
    };
    const systemJwt = await encodeAccount('SYS', fastKey(this.#seeds.system), systemClaims, { signer: operator });
    return {
      operator: await encodeOperator('hostler', operator, { system_account: system }),
      systemAccount: system,
      accounts: { [system]: systemJwt, [account.publicKey]: await account.jwt(operator, may) },
    };
  }

  /** What makes a broker that runs know an account: its JWT, published by whom `systemLogin` lets in. */
  claim(account: NatsAccount): Promise<string> {
    return account.jwt(fastKey(this.#seeds.operator), ofRelay);
  }

  /** The manager's way into the system account, by which accounts are added. */
  async systemLogin(servers: readonly string[], tls: TlsIdentity): Promise<BrokerLogin> {
    const user = fastKey(seedOf(createUser()));
    const jwt = await encodeUser('manager', user, fastKey(this.#seeds.system));
    return { servers, jwt, sign: (nonce) => user.sign(nonce), tls, name: managerName };
  }
}

/** Those in the file; where there is none, the fresh ones, which are in it when this resolves. */
async function seedsIn<Names extends string>(
  path: string,
  names: readonly Names[],
  fresh: Readonly<Record<Names, string>>,
): Promise<Readonly<Record<Names, string>>> {
  const text = await readFile(path, 'utf8').catch((thrown: unknown) => {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return undefined;
    throw thrown;
  });
  if (text === undefined) {
    await replaceFile(path, `${JSON.stringify(fresh, undefined, 2)}\n`, 0o600);
    return fresh;
  }
  try {
    const value = JSON.parse(text) as Readonly<Record<Names, string>>;
    for (const name of names) fastKey(value[name]);
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
