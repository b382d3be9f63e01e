import { AckPolicy, DiscardPolicy, type JsMsg, type NatsConnection, RetentionPolicy, StorageType } from 'nats';
import { HostlerError } from '../../../shared/errors/error.ts';
import { allKept, readKept } from '../../../shared/identity/subjects.ts';
import { keptReportsCodec } from '../../../shared/wire/definitions.ts';
import type { FleetRoom } from '../fleet.ts';
import type { FleetLog } from '../log.ts';

const stream = 'HOSTLER_REPORTS';
const consumer = 'manager';

/** Pieces fetched in one go. */
const together = 64;
/** A piece that was not acknowledged by then comes again, in milliseconds. */
const ackWait = 60_000;

export interface KeptReportsDeps {
  readonly fleet: Pick<FleetRoom, 'kept'> & { readonly enrolment: Pick<FleetRoom['enrolment'], 'holder'> };
  readonly log: FleetLog;
  /** What waits may take this much of the broker's disk, in bytes. */
  readonly mostBytes: number;
  /** JetStream domain of a leaf node; absent: the broker that the connection is with. */
  readonly domain?: string;
}

/**
 * Reports that agents laid down at the broker while no manager was there. One stream; what was applied leaves it. When it
 * is full it takes no more, and agents keep theirs: nothing is pushed out.
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
    const changing = { subjects: [allKept], max_bytes: mostBytes, discard: DiscardPolicy.New };
    try {
      const manager = await this.#broker.jetstreamManager(this.#options());
      const known = await manager.streams.info(stream).catch(() => undefined);
      if (known === undefined) {
        const fixed = { name: stream, retention: RetentionPolicy.Workqueue, storage: StorageType.File };
        await manager.streams.add({ ...fixed, ...changing });
      } else if (known.config.max_bytes !== mostBytes) {
        await manager.streams.update(stream, { ...known.config, ...changing });
      }
      const asked = { durable_name: consumer, ack_policy: AckPolicy.Explicit, ack_wait: ackWait * 1_000_000 };
      await manager.consumers.add(stream, { ...asked, max_ack_pending: together });
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new HostlerError(
        'failed_precondition',
        `The broker cannot keep reports: ${why}. It needs JetStream with ${mostBytes} bytes of disk for the account of this manager.`,
        { cause },
      );
    }
  }

  /** Takes out what waits, in order, until nothing does. Returns how many messages were looked at. */
  async drain(): Promise<number> {
    const waiting = await this.#broker.jetstream(this.#options()).consumers.get(stream, consumer);
    let messages = 0;
    for (;;) {
      const { num_pending: pending } = await waiting.info();
      if (pending === 0) return messages;
      const pieces = await waiting.fetch({ max_messages: Math.min(pending, together), expires: 5_000 });
      for await (const piece of pieces) {
        messages += await this.#apply(piece);
        piece.ack();
      }
    }
  }

  #options(): { domain?: string } {
    const { domain } = this.#deps;
    return domain === undefined ? {} : { domain };
  }

  /** What cannot be applied is told and given up: its agent has it still, or is gone. */
  async #apply(piece: JsMsg): Promise<number> {
    const { fleet, log } = this.#deps;
    const owner = readKept(piece.subject);
    if (owner === undefined) return 0;
    try {
      const { data } = piece;
      const kept = keptReportsCodec.decode(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
      await fleet.kept(fleet.enrolment.holder(owner.name, owner.serial), kept);
      return kept.messages.length;
    } catch (thrown) {
      const error = HostlerError.from(thrown, 'invalid_argument');
      log.warn({ agent: owner.name, serial: owner.serial, err: error }, 'reports that the broker kept were refused');
      return 0;
    }
  }
}
