import type { KeyObject } from 'node:crypto';
import { HostlerError } from '../../../shared/errors/error.ts';
import { bootTokenSkewSeconds } from '../../../shared/identity/boot-token.ts';
import { keyId, provenKey } from '../../../shared/identity/key-proof.ts';
import { type AgentIdentity, type AgentKind, isAgentName } from '../../../shared/identity/names.ts';
import type { View } from '../../../shared/verb/view.ts';
import type { BootRequest__Output } from '../../../shared/wire/generated/hostler/v1/BootRequest.ts';
import type { EnrolmentReply } from '../../../shared/wire/generated/hostler/v1/EnrolmentReply.ts';
import type { JoinRequest__Output } from '../../../shared/wire/generated/hostler/v1/JoinRequest.ts';
import type { RenewRequest__Output } from '../../../shared/wire/generated/hostler/v1/RenewRequest.ts';
import type { KeySpace, KeyWrite } from '../../registry/types.ts';
import { KeyedLock } from '../keyed-lock.ts';
import type { AgentRecord, CertificateRecord, TokenRecord } from '../records.ts';
import { type FleetState, records } from '../store.ts';
import type { TokenRequest } from '../types.ts';
import type { Authority } from './authority.ts';
import { checkBootToken, printable } from './boot-authority.ts';
import { bootedRoles } from './booted-roles.ts';
import { type EnrolmentBroker, type Way, type WayAsked, grantBroker, keepsLeaf, withWay } from './broker-access.ts';
import { findJoinToken, makeJoinToken } from './join-tokens.ts';

export interface EnrolmentDeps {
  readonly authority: Authority;
  readonly state: FleetState;
  readonly space: KeySpace;
  readonly view: View;
  readonly now: () => number;
  /** A record is on disk; what it says holds from now on. Open links of an agent that may not be are to end. */
  readonly changed: (record: AgentRecord) => Promise<void> | void;
  /** Somebody presented the used token of this node. */
  readonly intruder: (node: string, message: string) => void;
  /** Where agents find the broker; absent: there is none. */
  readonly broker?: EnrolmentBroker;
}

/**
 * Who gets a certificate. Every decision is on disk before the certificate leaves; asking again with the same key and the
 * same proof gets the same answer, so that a lost reply costs nothing. An agent has one certificate that counts: the
 * newest (while it renews, the one before as well, until the new one was used).
 */
export class Enrolment {
  readonly #deps: EnrolmentDeps;
  readonly #names = new KeyedLock();
  readonly #tokens = new KeyedLock();

  constructor(deps: EnrolmentDeps) {
    this.#deps = deps;
  }

  async createToken(request: TokenRequest): Promise<{ token: string; expiresAt: number }> {
    const { token, record } = makeJoinToken(request, this.#deps.authority.fingerprint, this.#deps.now());
    await this.#deps.space.write([...this.#sweep(), records.token(record.id, record)]);
    this.#deps.state.tokens.set(record.id, record);
    return { token, expiresAt: record.expiresAt };
  }

  join(request: JoinRequest__Output): Promise<EnrolmentReply> {
    return this.#withBroker(this.#join(request), request);
  }

  #join(request: JoinRequest__Output): Promise<EnrolmentReply> {
    const found = findJoinToken(request.token, this.#deps.state.tokens);
    if (found === undefined) return Promise.reject(badToken());
    const key = provenKey(request.key, request.token);
    return this.#tokens.run(found.id, () => {
      // Looked up again: others may have used it while this one waited.
      const token = this.#deps.state.tokens.get(found.id);
      if (token === undefined) throw badToken();
      return this.#names.run(request.name, () => this.#joinWith(token, request, key));
    });
  }

  async #joinWith(token: TokenRecord, request: JoinRequest__Output, key: KeyObject): Promise<EnrolmentReply> {
    const { state, now } = this.#deps;
    const roles = request.roles.length > 0 ? [...new Set(request.roles)] : token.roles;
    checkJoin(token, request.name, roles);
    const existing = state.agents.get(request.name);
    if (state.taken.get(`${token.id}/${keyId(key)}`)?.agent === request.name && existing !== undefined) {
      return this.#again(existing, key);
    }
    if (token.usesLeft <= 0 || token.expiresAt <= now()) throw badToken();
    if (existing !== undefined) checkReplacement(existing, token, now());
    const record: AgentRecord = {
      name: request.name,
      kind: 'service',
      roles,
      standing: token.approval ? 'waiting' : 'admitted',
      certificates: token.approval ? [] : [await this.#certify(request.name, 'service', roles, key)],
      enrolledAt: now(),
      revokedAt: existing?.revokedAt ?? 0,
    };
    const used = { ...token, usesLeft: token.usesLeft - 1 };
    await this.#store(record, [
      records.token(token.id, used),
      records.taken(token.id, keyId(key), { agent: record.name }),
    ]);
    state.tokens.set(token.id, used);
    state.taken.set(`${token.id}/${keyId(key)}`, { agent: record.name });
    await this.#deps.changed(record);
    return this.#reply(record);
  }

  /** The same key asks once more: for the reply that was lost, or whether it was let in meanwhile. */
  async #again(existing: AgentRecord, key: KeyObject): Promise<EnrolmentReply> {
    if (existing.standing === 'revoked') throw badToken();
    if (existing.standing === 'waiting') return this.#reply(existing);
    const current = existing.certificates[0];
    if (current !== undefined && current.key === keyId(key) && current.expiresAt > this.#deps.now()) {
      return this.#reply(existing);
    }
    // Approved while it waited; otherwise another machine has the name by now.
    if (current !== undefined) throw badToken();
    const record: AgentRecord = {
      ...existing,
      certificates: [await this.#certify(existing.name, existing.kind, existing.roles, key)],
    };
    await this.#store(record, []);
    await this.#deps.changed(record);
    return this.#reply(record);
  }

  boot(request: BootRequest__Output): Promise<EnrolmentReply> {
    return this.#withBroker(this.#boot(request), request);
  }

  async #boot(request: BootRequest__Output): Promise<EnrolmentReply> {
    const { state, view, now } = this.#deps;
    const payload = checkBootToken(request.token, state.agents, view, now());
    const key = provenKey(request.key, request.token);
    return this.#names.run(payload.node, async () => {
      const existing = state.agents.get(payload.node);
      const used = state.boots.get(payload.id);
      if (used !== undefined) {
        const current = existing?.certificates[0];
        if (existing?.standing === 'admitted' && used.key === keyId(key) && current?.key === used.key) {
          return this.#reply(existing);
        }
        const message =
          `A boot token of the node '${payload.node}' was presented a second time, with another key; refused. Either ` +
          `another machine pretends to be this node, or its agent was started afresh without a boot: boot it again.`;
        this.#deps.intruder(payload.node, message);
        throw new HostlerError('permission_denied', message);
      }
      if (existing?.kind === 'service' && counts(existing, now())) {
        throw new HostlerError(
          'already_exists',
          `An agent that stays has the name '${payload.node}'. Revoke it ('hostler agents revoke') before the node may enrol.`,
        );
      }
      const roles = bootedRoles(view, payload.node);
      const record: AgentRecord = {
        name: payload.node,
        kind: 'node',
        roles,
        standing: 'admitted',
        certificates: [await this.#certify(payload.node, 'node', roles, key)],
        enrolledAt: now(),
        revokedAt: existing?.revokedAt ?? 0,
      };
      const use = { node: payload.node, key: keyId(key), until: payload.expiresAt + bootTokenSkewSeconds * 1000 };
      await this.#store(record, [...this.#sweep(), records.boot(payload.id, use)]);
      state.boots.set(payload.id, use);
      await this.#deps.changed(record);
      return this.#reply(record);
    });
  }

  /** `peer` is who the client certificate of the connection says. */
  renew(peer: AgentIdentity, request: RenewRequest__Output): Promise<EnrolmentReply> {
    return this.#withBroker(this.#renew(peer, request), request);
  }

  #renew(peer: AgentIdentity, request: RenewRequest__Output): Promise<EnrolmentReply> {
    const key = provenKey(request.key, peer.serial);
    return this.#names.run(peer.name, async () => {
      const existing = this.admitted(peer);
      const [current] = existing.certificates;
      if (current?.key === keyId(key) && current.serial !== peer.serial) return this.#reply(existing);
      const shown = existing.certificates.filter(({ serial }) => serial === peer.serial);
      const record: AgentRecord = {
        ...existing,
        certificates: [await this.#certify(existing.name, existing.kind, existing.roles, key), ...shown],
      };
      await this.#store(record, []);
      await this.#deps.changed(record);
      return this.#reply(record);
    });
  }

  async approve(name: string): Promise<AgentRecord> {
    return this.#names.run(name, async () => {
      const existing = this.#known(name);
      if (existing.standing === 'revoked') {
        throw new HostlerError(
          'failed_precondition',
          `The agent '${name}' was revoked; it has to join with a new token.`,
        );
      }
      if (existing.standing === 'admitted') return existing;
      const record: AgentRecord = { ...existing, standing: 'admitted' };
      await this.#store(record, []);
      await this.#deps.changed(record);
      return record;
    });
  }

  async revoke(name: string): Promise<AgentRecord> {
    return this.#names.run(name, async () => {
      const existing = this.#known(name);
      if (existing.standing === 'revoked') return existing;
      const record: AgentRecord = { ...existing, standing: 'revoked', certificates: [], revokedAt: this.#deps.now() };
      await this.#store(record, []);
      await this.#deps.changed(record);
      return record;
    });
  }

  /** Who the holder of that certificate is, by the name and serial that a carrier vouches for; whether it counts says `admitted`. */
  holder(name: string, serial: string): AgentIdentity {
    const record = this.#deps.state.agents.get(name);
    return { name, serial, kind: record?.kind ?? 'service', roles: record?.roles ?? [] };
  }

  /** The record of an agent whose certificate counts. TLS has checked the chain; throws `unauthenticated` otherwise. */
  admitted(peer: AgentIdentity): AgentRecord {
    const record = this.own(peer);
    const expiresAt = record.certificates.find(({ serial }) => serial === peer.serial)?.expiresAt ?? 0;
    if (expiresAt <= this.#deps.now()) {
      throw new HostlerError(
        'unauthenticated',
        `The certificate of '${peer.name}' expired on ${new Date(expiresAt).toISOString()}. ` +
          `The agent has to join again with a new token.`,
      );
    }
    return record;
  }

  /** The same for what it said in time: the certificate is its own still, and may have expired since. */
  own(peer: AgentIdentity): AgentRecord {
    const record = this.#deps.state.agents.get(peer.name);
    if (record?.standing === 'admitted' && record.certificates.some(({ serial }) => serial === peer.serial)) {
      return record;
    }
    throw new HostlerError(
      'unauthenticated',
      `The certificate of '${peer.name}' was revoked or replaced by a newer one. The agent has to join again.`,
    );
  }

  /** The agent works with this certificate: those before it are worth nothing from now on. */
  async used(peer: AgentIdentity): Promise<void> {
    const before = this.#deps.state.agents.get(peer.name);
    if (before === undefined || before.certificates.length < 2 || before.certificates[0]?.serial !== peer.serial)
      return;
    await this.#names.run(peer.name, async () => {
      const record = this.#deps.state.agents.get(peer.name);
      const [current] = record?.certificates ?? [];
      if (record === undefined || current?.serial !== peer.serial) return;
      await this.#store({ ...record, certificates: [current] }, []);
    });
  }

  /** By which way the bearer of that certificate speaks over NATS; undefined when it is none that counts. */
  wayOf(name: string, serial: string): Way | undefined {
    return this.#deps.state.agents.get(name)?.certificates.find((one) => one.serial === serial);
  }

  /** Whether agents may be behind that one over NATS. */
  keepsLeaf(name: string): boolean {
    return keepsLeaf(this.#deps.state, name);
  }

  async #withBroker(enrolled: Promise<EnrolmentReply>, asked: WayAsked): Promise<EnrolmentReply> {
    const reply = await enrolled;
    const { broker, state } = this.#deps;
    const noted = (name: string, serial: string, way: Way): Promise<void> =>
      this.#names.run(name, async () => {
        const record = state.agents.get(name);
        if (record !== undefined) await this.#store(withWay(record, serial, way), []);
      });
    return grantBroker(reply, asked, { broker, state, noted });
  }

  #known(name: string): AgentRecord {
    const existing = this.#deps.state.agents.get(name);
    if (existing === undefined) throw new HostlerError('not_found', `There is no agent '${printable(name)}'.`);
    return existing;
  }

  async #certify(name: string, kind: AgentKind, roles: readonly string[], key: KeyObject): Promise<CertificateRecord> {
    const { serial, certificate, expiresAt } = await this.#deps.authority.issueAgent({ name, kind, roles }, key);
    return { serial, certificate, expiresAt, key: keyId(key) };
  }

  async #store(record: AgentRecord, beside: readonly KeyWrite[]): Promise<void> {
    await this.#deps.space.write([records.agent(record.name, record), ...beside]);
    this.#deps.state.agents.set(record.name, record);
  }

  /** Takes away what could not be used any more; the writes go along with the next batch. */
  #sweep(): KeyWrite[] {
    const { state, now } = this.#deps;
    const writes: KeyWrite[] = [];
    for (const [id, { until }] of state.boots) {
      if (until > now()) break; // oldest first, near enough
      state.boots.delete(id);
      writes.push(records.boot(id, null));
    }
    for (const [id, { expiresAt }] of state.tokens) {
      // A day longer: agents may still wait for approval, or for a reply that was lost.
      if (expiresAt + 24 * 3600 * 1000 > now()) continue;
      state.tokens.delete(id);
      writes.push(records.token(id, null));
      for (const taken of state.taken.keys()) {
        if (!taken.startsWith(`${id}/`)) continue;
        state.taken.delete(taken);
        writes.push(records.taken(id, taken.slice(id.length + 1), null));
      }
    }
    return writes;
  }

  #reply(record: AgentRecord): EnrolmentReply {
    const [current] = record.certificates;
    return {
      granted: current !== undefined,
      agent: record.name,
      roles: [...record.roles],
      certificate: current?.certificate ?? '',
      authority: this.#deps.authority.certificate,
      message:
        current === undefined ? `Waiting for approval: hostler agents approve ${record.name}` : 'Welcome to the fleet.',
    };
  }
}

/** One sentence for every reason: who guesses learns nothing. */
function badToken(): HostlerError {
  return new HostlerError(
    'unauthenticated',
    "The join token is not valid: unknown, expired or used up. Make a new one with 'hostler agents token'.",
  );
}

function checkJoin(token: TokenRecord, name: string, roles: readonly string[]): void {
  if (!isAgentName(name)) {
    throw new HostlerError(
      'invalid_argument',
      `'${printable(name)}' cannot be an agent's name: letters, digits, dot, dash and underscore, 63 at most.`,
    );
  }
  if (token.name !== '' && token.name !== name) {
    throw new HostlerError('permission_denied', `This join token is for the agent '${token.name}', not '${name}'.`);
  }
  const tooMuch = roles.filter((role) => !token.roles.includes(role));
  if (tooMuch.length > 0) {
    throw new HostlerError(
      'permission_denied',
      `This join token does not give the role '${tooMuch.map(printable).join("', '")}', only '${token.roles.join("', '")}'.`,
    );
  }
}

function checkReplacement(existing: AgentRecord, token: TokenRecord, now: number): void {
  if (existing.standing === 'revoked' && token.createdAt <= existing.revokedAt) throw badToken();
  // A token made for this very name says that the name is to be taken over.
  if (counts(existing, now) && (existing.kind === 'node' || token.name !== existing.name)) {
    throw new HostlerError(
      'already_exists',
      `An agent '${existing.name}' is enrolled already. Choose another name, revoke that agent ` +
        `('hostler agents revoke ${existing.name}'), or make a token for this name ('hostler agents token --name ${existing.name}').`,
    );
  }
}

function counts(record: AgentRecord, now: number): boolean {
  if (record.standing === 'waiting') return true;
  return (
    record.standing === 'admitted' &&
    (record.certificates.length === 0 || record.certificates.some(({ expiresAt }) => expiresAt > now))
  );
}
