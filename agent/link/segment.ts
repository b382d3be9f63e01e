import { createHash } from 'node:crypto';
import { fromAgentCodec } from '../../shared/wire/definitions.ts';
import type { FromAgent__Output } from '../../shared/wire/generated/hostler/v1/FromAgent.ts';

/**
 * One file of the outbox: records of 4 bytes length, 8 bytes of sha256 over the message, the message (FromAgent with its
 * number). Named by the first number in it, so that numbering goes on even when everything was sent.
 */
const headBytes = 12;

export function segmentName(first: number): string {
  return `${String(first).padStart(16, '0')}.outbox`;
}

/** The first number of a segment by its file name; undefined for other files. */
export function segmentFirst(name: string): number | undefined {
  const found = /^(\d{16})\.outbox$/.exec(name);
  return found === null ? undefined : Number(found[1]);
}

export function encodeRecord(message: Uint8Array): Buffer {
  const record = Buffer.alloc(headBytes + message.length);
  record.writeUInt32BE(message.length, 0);
  digest(message).copy(record, 4);
  record.set(message, headBytes);
  return record;
}

export interface SegmentContent {
  readonly messages: readonly FromAgent__Output[];
  /** Bytes up to the end of the last whole record; what follows was torn by a crash. */
  readonly bytes: number;
}

/** Reads whole records up to the first that is torn, altered or out of order. */
export function decodeSegment(content: Buffer, first: number): SegmentContent {
  const messages: FromAgent__Output[] = [];
  let at = 0;
  while (at + headBytes <= content.length) {
    const end = at + headBytes + content.readUInt32BE(at);
    if (end > content.length) break;
    const body = content.subarray(at + headBytes, end);
    if (!digest(body).equals(content.subarray(at + 4, at + headBytes))) break;
    const message = fromAgentCodec.decode(body);
    if (message.sequence !== first + messages.length) break;
    messages.push(message);
    at = end;
  }
  return { messages, bytes: at };
}

function digest(message: Uint8Array): Buffer {
  return createHash('sha256').update(message).digest().subarray(0, 8);
}
