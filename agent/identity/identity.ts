import { HostlerError } from '../../shared/errors/error.ts';
import { Changes, pause } from '../../shared/session/signals.ts';
import type { EnrolmentReply__Output } from '../../shared/wire/generated/hostler/v1/EnrolmentReply.ts';
import { Backoff } from '../link/backoff.ts';
import type { LinkLog } from '../link/link.ts';
import { which } from '../../shared/process/which.ts';
import { learnAuthority, relayAt } from './authority-pin.ts';
import { type JoinAsked, askBoot, askJoin, askRenew, fingerprintIn } from './enrol.ts';
import { type Identity, loadIdentity, nextKey, saveIdentity } from './identity-files.ts';
import { type NatsKey, makeNatsKey, natsIdentity } from './nats-key.ts';

export interface EnsureOptions {
  /** The agent's home; what is kept stands in `<home>/identity`. */
  readonly home: string;
  /** `HOST:PORT` or `unix:PATH`. */
  readonly manager: string;
  /** How to get an identity when there is none (or it has expired). */
  readonly proof?:
    | { readonly by: 'join'; readonly token: string; readonly name: string; readonly roles: readonly string[] }
    /** `authority`: sha256 of the manager's authority certificate, from the kernel command line. */
    | { readonly by: 'boot'; readonly token: string; readonly authority: string };
  readonly version: string;
  readonly incarnation: string;
  readonly log: LinkLog;
  readonly signal: AbortSignal;
  /** Milliseconds of the first and the longest pause between attempts, and while waiting for approval. */
  readonly pauses?: readonly [first: number, most: number];
}

/** Codes that time may cure; with all others asking again is of no use. */
const passing: ReadonlySet<string> = new Set(['unavailable', 'deadline_exceeded', 'resource_exhausted', 'internal']);

/**
 * This agent's identity: the one it has while that is valid, else (or for more roles) a new one by the proof. Waits for
 * a manager that cannot be reached and for approval, until the signal aborts; throws HostlerError when the manager
 * refuses, unless there is an identity to go on with.
 */
export async function ensureIdentity(options: EnsureOptions): Promise<Identity> {
  const existing = await loadIdentity(options.home);
  const { proof } = options;
  const valid = existing !== undefined && existing.expiresAt > Date.now();
  // A node that booted proves its boot, whatever an image or a kept disk has brought along.
  if (valid && proof?.by !== 'boot' && !asksMore(existing, proof)) return existing;
  if (proof === undefined) {
    throw new HostlerError(
      'failed_precondition',
      existing === undefined
        ? "This agent is not enrolled. Give it a join token: --token T, from 'hostler agents token --roles ROLE'."
        : `The certificate of the agent '${existing.name}' expired. Give it a new join token: --token T, from 'hostler agents token'.`,
    );
  }
  const key = await nextKey(options.home, existing?.key);
  const nats = makeNatsKey();
  const [first, most] = options.pauses ?? [1_000, 30_000];
  const backoff = new Backoff(first, most);
  while (true) {
    try {
      const { reply, authority } = await enrolOnce(options, proof, key, nats);
      if (reply.granted) {
        const { certificate } = reply;
        const identity = await saveIdentity(options.home, {
          key,
          certificate,
          authority,
          nats: natsIdentity(nats, reply.nats),
        });
        options.log.info({ agent: identity.name, roles: identity.roles, serial: identity.serial }, 'enrolled');
        return identity;
      }
      options.log.info({ agent: reply.agent }, reply.message);
    } catch (thrown) {
      const error = HostlerError.from(thrown);
      if (options.signal.aborted) throw error;
      if (!passing.has(error.code)) {
        if (!valid || proof.by === 'boot') throw error;
        options.log.warn({ err: error, roles: existing.roles }, 'no more roles than before');
        return existing;
      }
      options.log.warn({ err: error }, 'not enrolled yet');
    }
    await pause(first / 2 + backoff.next(), options.signal);
    if (options.signal.aborted) throw HostlerError.from(options.signal.reason, 'cancelled');
  }
}

/** An agent is to offer a role that its certificate does not grant, and has a token that may. */
function asksMore(existing: Identity, proof: EnsureOptions['proof']): boolean {
  return proof?.by === 'join' && proof.roles.some((role) => !existing.roles.includes(role));
}

async function enrolOnce(
  { manager, version, incarnation, signal }: EnsureOptions,
  proof: NonNullable<EnsureOptions['proof']>,
  key: string,
  { publicKey: natsKey }: NatsKey,
): Promise<{ reply: EnrolmentReply__Output; authority: string }> {
  const pinned = proof.by === 'boot' ? proof.authority : fingerprintIn(proof.token);
  const { authority, relay } = await learnAuthority(manager, pinned, signal);
  const way = relay === undefined ? {} : { via: relay };
  if (proof.by === 'boot') {
    const asked = { token: proof.token, version, incarnation, natsKey, ...way };
    return { reply: await askBoot(manager, authority, asked, key, signal), authority };
  }
  const { token, name, roles } = proof;
  const asked: JoinAsked = { token, name, roles, version, incarnation, natsKey, ...way, leaf: keepsLeaf(roles) };
  return { reply: await askJoin(manager, authority, asked, key, signal), authority };
}

export interface KeptIdentity {
  current(): Identity;
  /** A new one is wanted before its time: the broker does not accept what came with this one. At most once a minute. */
  soon(): void;
  stop(): Promise<void>;
}

/**
 * Keeps the certificate valid: a new key and certificate after two thirds of its life. What has a connection open goes on
 * with the old one; who connects anew asks `current()`.
 */
export function keepRenewed(
  identity: Identity,
  options: Pick<EnsureOptions, 'home' | 'manager' | 'log'> & { readonly renewed?: (identity: Identity) => void },
): KeptIdentity {
  const stopping = new AbortController();
  const stopped = (): boolean => stopping.signal.aborted;
  let current = identity;
  const wanted = new Changes();
  let hurry = false;
  let lastHurry = 0;

  async function run(): Promise<void> {
    const backoff = new Backoff(10_000, 3600_000);
    let due = renewalDue(current);
    while (!stopped()) {
      // setTimeout takes 31 bits, and machines sleep: look at least once a day.
      await Promise.race([
        pause(Math.min(Math.max(due - Date.now(), 1_000), 24 * 3600_000), stopping.signal),
        wanted.next(stopping.signal),
      ]);
      if (stopped() || (Date.now() < due && !isHurried())) continue;
      hurry = false;
      try {
        current = await renewIdentity(current, options, stopping.signal);
        due = renewalDue(current);
        backoff.reset();
        options.renewed?.(current);
        options.log.info({ agent: current.name, serial: current.serial }, 'certificate renewed');
      } catch (thrown) {
        if (stopped()) return;
        options.log.warn({ err: HostlerError.from(thrown) }, 'certificate not renewed yet');
        await pause(backoff.next(), stopping.signal);
      }
    }
  }

  /** Asked again after waiting. */
  function isHurried(): boolean {
    return hurry;
  }

  const running = run();
  return {
    current: () => current,
    soon() {
      if (Date.now() - lastHurry < 60_000) return;
      lastHurry = Date.now();
      hurry = true;
      wanted.notify();
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

/** When two thirds of what is left now are over. */
function renewalDue(identity: Identity): number {
  return identity.expiresAt - (identity.expiresAt - Date.now()) / 3;
}

export async function renewIdentity(
  identity: Identity,
  { home, manager }: Pick<EnsureOptions, 'home' | 'manager'>,
  signal: AbortSignal,
): Promise<Identity> {
  const key = await nextKey(home, identity.key);
  const nats = makeNatsKey();
  const { authority } = identity;
  const via = await relayAt(manager, authority, signal);
  const asked = { natsKey: nats.publicKey, leaf: keepsLeaf(identity.roles), ...(via !== undefined && { via }) };
  const { certificate, nats: access } = await askRenew(manager, identity, key, signal, asked);
  return saveIdentity(home, { key, certificate, authority, nats: natsIdentity(nats, access) });
}

/** Whether this agent, as a relay, can keep a leaf node of the broker. */
export function keepsLeaf(roles: readonly string[]): boolean {
  return roles.includes('relay') && which('nats-server') !== undefined;
}
