import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { connect, Socket } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { AgentIdentity } from '../../shared/identity/names.ts';
import { isTicket } from '../../shared/task/capture.ts';

/** Who may speak with which running task, a capture or one that serves clones: one file a ticket, written by the task. */
export interface CaptureRecord {
  /** Name of the agent on the golden client, or on the clone. */
  readonly agent: string;
  /** The task's unix socket. */
  readonly socket: string;
  /** The task answers many: it is told the ticket first, as a line. */
  readonly many?: boolean;
}

/** How long the other side may take to read what the task said last. */
const lastWordsMs = 30_000;
/** A machine that lost its power says nothing any more; a line that waits would never hear of it. */
const lifeSignMs = 30_000;

export const captureFile = (home: string, ticket: string): string => join(home, 'store', 'captures', ticket);

/**
 * Joins the connection of a golden client to the task that receives: `GET /capture/<ticket>` with an upgrade, by mutual
 * TLS. 403 whoever is not the agent that the capture is about, 410 when there is no such capture (any more).
 */
export async function joinCapture(
  home: string,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  peer: AgentIdentity | undefined,
): Promise<void> {
  socket.on('error', () => socket.destroy());
  if (socket instanceof Socket) socket.setKeepAlive(true, lifeSignMs);
  const ticket = /^\/capture\/([0-9a-f]+)$/.exec(request.url ?? '')?.[1] ?? '';
  const record = isTicket(ticket) ? await readRecord(home, ticket) : undefined;
  if (record === undefined) {
    refuse(socket, '410 Gone');
    return;
  }
  if (peer?.name !== record.agent) {
    refuse(socket, '403 Forbidden');
    return;
  }
  const task = connect(record.socket);
  task.once('error', () => refuse(socket, '410 Gone'));
  task.once('connect', () => {
    task.removeAllListeners('error');
    // It may have gone while the task was looked up.
    if (socket.destroyed) {
      task.destroy();
      return;
    }
    task.on('error', () => socket.destroy());
    socket.on('close', () => task.destroy());
    task.on('close', () => {
      socket.end();
      const late = setTimeout(() => socket.destroy(), lastWordsMs);
      socket.once('close', () => clearTimeout(late));
    });
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: hostler-capture\r\n\r\n');
    if (record.many === true) task.write(`${ticket}\n`);
    if (head.length > 0) task.write(head);
    socket.pipe(task).pipe(socket);
  });
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
}

async function readRecord(home: string, ticket: string): Promise<CaptureRecord | undefined> {
  try {
    const value = JSON.parse(await readFile(captureFile(home, ticket), 'utf8')) as Partial<CaptureRecord>;
    const { agent, socket, many } = value;
    return typeof agent === 'string' && typeof socket === 'string' ? { agent, socket, many: many === true } : undefined;
  } catch {
    return undefined;
  }
}
