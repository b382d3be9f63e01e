import { Metadata } from '@grpc/grpc-js';
import { HostlerError } from '../../../shared/errors/error.ts';
import type { TlsIdentity } from '../../../shared/identity/tls.ts';
import { Changes, pause } from '../../../shared/session/signals.ts';
import { callUnary } from '../../../shared/wire/call.ts';
import { keptPieceCodec, wire } from '../../../shared/wire/definitions.ts';
import type { Handed__Output } from '../../../shared/wire/generated/hostler/v1/Handed.ts';
import type { KeeperClient } from '../../../shared/wire/generated/hostler/v1/Keeper.ts';
import type { KeptPiece } from '../../../shared/wire/generated/hostler/v1/KeptPiece.ts';
import { Backoff } from '../../link/backoff.ts';
import { clientOptions, grpcTarget, mutualCredentials } from '../../link/grpc-client.ts';
import type { Shelf } from './shelf.ts';

/** How long the manager may take for one piece, in milliseconds. */
const patience = 30_000;

/** Milliseconds of the first and the longest pause between attempts. */
const pauses = [500, 10_000] as const;

/** Between two attempts at the least, however many are in a hurry, in milliseconds. */
const spacing = 200;

/** How long others wait for what is kept to go first, in milliseconds. */
const precedence = 3_000;

/** Then the manager cannot be reached: not by anybody. */
const passing: ReadonlySet<string> = new Set(['unavailable', 'deadline_exceeded', 'cancelled']);

type Hand = Parameters<typeof callUnary<KeptPiece, Handed__Output>>[0];

export interface HandOverDeps {
  readonly shelf: Shelf;
  /** HOST:PORT or unix:PATH */
  readonly manager: string;
  readonly identity: () => TlsIdentity;
  readonly log: { info(fields: object, line: string): void; warn(fields: object, line: string): void };
}

/** Brings what is on the shelf to the manager, whenever it can be reached, until stopped. */
export class HandOver {
  readonly #deps: HandOverDeps;
  readonly #stopping = new AbortController();
  readonly #hurry = new Changes();
  readonly #tried = new Changes();
  readonly #running: Promise<void>;

  constructor(deps: HandOverDeps) {
    this.#deps = deps;
    this.#running = this.#run();
  }

  /** Somebody is on the way to the manager: what is kept goes first. Resolves when that was tried, soon in any case. */
  async now(): Promise<void> {
    if (this.#deps.shelf.bytes === 0) return;
    const enough = new AbortController();
    const tried = this.#tried.next();
    this.#hurry.notify();
    await Promise.race([tried, pause(precedence, enough.signal)]);
    enough.abort();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { shelf, log } = this.#deps;
    const { signal } = this.#stopping;
    const stopped = (): boolean => signal.aborted;
    const backoff = new Backoff(...pauses);
    let told = '';
    while (!stopped()) {
      if (shelf.bytes === 0) await shelf.grown.next(signal);
      try {
        const pieces = stopped() ? 0 : await this.#round();
        if (pieces > 0) log.info({ pieces, waiting: shelf.bytes }, 'the manager has reports that were kept here');
        if (pieces > 0) backoff.reset();
        told = '';
      } catch (thrown) {
        const error = HostlerError.from(thrown, 'unavailable');
        if (!stopped() && error.message !== told) log.warn({ err: error }, 'reports are kept here for the manager');
        told = error.message;
      }
      this.#tried.notify();
      if (shelf.bytes > 0) await this.#wait(backoff.next());
    }
  }

  async #wait(milliseconds: number): Promise<void> {
    const enough = new AbortController();
    const { signal } = this.#stopping;
    const stop = (): void => enough.abort();
    signal.addEventListener('abort', stop, { once: true });
    const hurried = this.#hurry.next(signal);
    await pause(spacing, enough.signal);
    await Promise.race([pause(milliseconds, enough.signal), hurried]);
    signal.removeEventListener('abort', stop);
    stop();
  }

  /** Everybody's pieces in order; returns how many could go. */
  async #round(): Promise<number> {
    const { shelf, manager, identity } = this.#deps;
    const client = new wire.Keeper(grpcTarget(manager), mutualCredentials(identity()), clientOptions);
    let count = 0;
    let trouble: HostlerError | undefined;
    try {
      for (const agent of shelf.agents()) {
        try {
          count += await this.#handAll(client, agent);
        } catch (thrown) {
          trouble = HostlerError.from(thrown, 'unavailable');
          // What is wrong with the pieces of one holds up nobody else's.
          if (passing.has(trouble.code)) throw trouble;
        }
      }
    } finally {
      client.close();
    }
    if (trouble !== undefined) throw trouble;
    return count;
  }

  async #handAll(client: KeeperClient, agent: string): Promise<number> {
    const { shelf, log } = this.#deps;
    const { signal } = this.#stopping;
    const hand: Hand = client.Hand.bind(client);
    let count = 0;
    for (const piece of shelf.of(agent)) {
      const content = await shelf.read(piece);
      if (content === undefined) continue;
      const asked = readPiece(content);
      if (asked === undefined) {
        log.warn({ agent, path: piece.path }, 'a piece of reports is damaged on this disk; it is thrown away');
        await shelf.remove(piece);
        continue;
      }
      const options = { deadline: Date.now() + patience, signal, what: 'Cannot hand reports over to the manager' };
      const { later, refused } = await callUnary(hand, asked, new Metadata(), options);
      // The agent is there and tells what is in this and all later ones itself.
      if (later) return count;
      if (refused !== '') log.warn({ agent, first: piece.first, last: piece.last }, `reports were refused: ${refused}`);
      await shelf.remove(piece);
      count++;
    }
    return count;
  }
}

function readPiece(content: Buffer): KeptPiece | undefined {
  try {
    return keptPieceCodec.decode(content);
  } catch {
    return undefined;
  }
}
