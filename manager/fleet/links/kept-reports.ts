import {
  DiscardPolicy,
  type JetStreamManager,
  type NatsConnection,
  RetentionPolicy,
  StorageType,
  type StoredMsg,
} from 'nats';
import { HostlerError } from '../../../shared/errors/error.ts';
import { type SubjectOwner, allKept, readKept } from '../../../shared/identity/subjects.ts';
import { keptReportsCodec } from '../../../shared/wire/definitions.ts';
import type { FleetRoom } from '../fleet.ts';
import type { FleetLog } from '../log.ts';

const stream = 'HOSTLER_REPORTS';

/** Pieces fetched in one go. */
const together = 32;
/** How long the broker, or a leaf node beyond it, may take to answer, in milliseconds. */
const patience = 5_000;
/** What JetStream calls a message that is not there (any more). */
const noMessage = 10_037;

/** The manager's own troubles: reports are not given up for them. */
const passing: ReadonlySet<string> = new Set(['unavailable', 'resource_exhausted', 'internal', 'deadline_exceeded']);

export interface KeptReportsDeps {
  readonly fleet: Pick<FleetRoom, 'kept'> & { readonly enrolment: Pick<FleetRoom['enrolment'], 'holder'> };
  readonly log: FleetLog;
  /** What waits may take this much of the broker's disk, in bytes. */
  readonly mostBytes: number;
  /** JetStream domain of a leaf node; absent: the broker that the connection is with. */
  readonly domain?: string;
  /** Whether that agent speaks by this way; what others are said to have laid down here is not theirs. */
  readonly mine: (owner: SubjectOwner) => boolean;
}

/**
 * Reports that agents laid down at the broker, or at a leaf node, while no manager was there. One stream; what was applied
 * leaves it. When it is full it takes no more, and agents keep theirs: nothing is pushed out.
 */
export class KeptReports {
  readonly #broker: NatsConnection;
  readonly #deps: KeptReportsDeps;

  constructor(broker: NatsConnection, deps: KeptReportsDeps) {
    this.#broker = broker;
    this.#deps = deps;
  }

  /** Makes the stream, or brings it up to date. Throws `failed_precondition` where there is no JetStream. */
  async prepare(): Promise<void> {
    const { mostBytes } = this.#deps;
    // An agent may have the broker's answer to what it lays down sent to any subject, the API included, where nobody checks
    // that it may (2.9): as a request to purge the answer would be taken. As one to delete it means the agent's own piece.
    const changing = { subjects: [allKept], max_bytes: mostBytes, discard: DiscardPolicy.New, deny_purge: true };
    try {
      const manager = await this.#broker.jetstreamManager(this.#options());
      const known = await manager.streams.info(stream).catch(() => undefined);
      if (known === undefined) {
        const fixed = { name: stream, retention: RetentionPolicy.Limits, storage: StorageType.File };
        await manager.streams.add({ ...fixed, ...changing });
      } else if (known.config.max_bytes !== mostBytes || !known.config.deny_purge) {
        await manager.streams.update(stream, { ...known.config, ...changing });
      }
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new HostlerError(
        'failed_precondition',
        `The broker cannot keep reports: ${why}. It needs JetStream with ${mostBytes} bytes of disk for the account of this manager.`,
        { cause },
      );
    }
  }

  /**
   * Takes out what waits, in the order in which it was laid down. What is applied leaves the stream afterwards, so that a
   * manager that dies in between finds it again; numbers make sure that it counts once. A consumer of JetStream would not do:
   * what it delivered in vain comes behind what came later. Returns how many messages were looked at.
   */
  async drain(): Promise<number> {
    const manager = await this.#broker.jetstreamManager(this.#options());
    /** What they laid down stays there, for now. */
    const here = new Set<string>();
    let messages = 0;
    let next = 0;
    for (;;) {
      const { first_seq: first, last_seq: last } = (await manager.streams.info(stream)).state;
      next = Math.max(next, first, 1);
      if (next > last) return messages;
      const numbers = Array.from({ length: Math.min(together, last - next + 1) }, (_, index) => next + index);
      const pieces = await Promise.all(numbers.map((number) => read(manager, number)));
      const done: number[] = [];
      for (const piece of pieces) {
        const applied = piece === undefined ? undefined : await this.#apply(piece, here);
        if (piece === undefined || applied === undefined) continue;
        messages += applied;
        done.push(piece.seq);
      }
      next += numbers.length;
      await Promise.all(done.map((number) => remove(manager, number)));
    }
  }

  #options(): { domain?: string; timeout: number } {
    const { domain } = this.#deps;
    return { timeout: patience, ...(domain !== undefined && { domain }) };
  }

  /**
   * How many messages were in it; undefined: its agent is here and sends it itself, so it is looked at again later. What
   * cannot be applied is told and given up: its agent has it still, or is gone. Throws what time may cure.
   */
  async #apply(piece: StoredMsg, here: Set<string>): Promise<number | undefined> {
    const { fleet, log, mine } = this.#deps;
    const owner = readKept(piece.subject);
    if (owner === undefined) return 0;
    const { name, serial } = owner;
    // After one that waits those of the same agent wait as well.
    if (here.has(name)) return undefined;
    try {
      if (!mine(owner)) throw new HostlerError('permission_denied', `The agent '${name}' does not speak by this way.`);
      const { data } = piece;
      const kept = keptReportsCodec.decode(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
      if (await fleet.kept(fleet.enrolment.holder(name, serial), kept)) return kept.messages.length;
      here.add(name);
      return undefined;
    } catch (thrown) {
      const error = HostlerError.from(thrown, 'invalid_argument');
      if (passing.has(error.code)) throw error;
      log.warn({ agent: name, serial, err: error }, 'reports that the broker kept were refused');
      return 0;
    }
  }
}

async function remove(manager: JetStreamManager, number: number): Promise<void> {
  try {
    await manager.streams.deleteMessage(stream, number, false);
  } catch (thrown) {
    // It is gone already.
    if (codeOf(thrown) !== noMessage) throw thrown;
  }
}

function codeOf(thrown: unknown): number | undefined {
  return (thrown as { readonly api_error?: { readonly err_code?: number } } | undefined)?.api_error?.err_code;
}

async function read(manager: JetStreamManager, number: number): Promise<StoredMsg | undefined> {
  try {
    return await manager.streams.getMessage(stream, { seq: number });
  } catch (thrown) {
    if (codeOf(thrown) === noMessage) return undefined;
    throw thrown;
  }
}
