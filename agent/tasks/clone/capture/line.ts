import { request as httpsRequest } from 'node:https';
import type { IncomingMessage, RequestOptions } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { tlsOptionsFor } from '../../../../shared/identity/tls.ts';
import type { StoreAccess } from '../../../../shared/task/blob.ts';
import { readIdentity } from '../../../store/own-identity.ts';
import type { TaskContext } from '../../types.ts';

/** A server that lost its power says nothing any more; a line that waits would never hear of it. */
const lifeSignMs = 30_000;

/**
 * Opens a connection to the task that has this ticket on the agent that keeps images, over mutual TLS. `over`: there is no
 * such task (any more); any other text: why it did not work.
 */
export async function openLine(
  { ticket, store }: { readonly ticket: string; readonly store: StoreAccess },
  context: Pick<TaskContext, 'home' | 'signal'>,
): Promise<Duplex | string> {
  const tls = tlsOptionsFor(await readIdentity(context.home), store.agent);
  let reason = 'it has no address';
  for (const endpoint of store.endpoints) {
    const where: RequestOptions = endpoint.startsWith('unix:')
      ? { socketPath: endpoint.slice('unix:'.length) }
      : { host: new URL(endpoint).hostname.replace(/^\[|\]$/g, ''), port: new URL(endpoint).port };
    const answer = await new Promise<Duplex | string>((resolve) => {
      const request = httpsRequest({
        ...tls,
        ...where,
        path: `/capture/${ticket}`,
        headers: { Connection: 'Upgrade', Upgrade: 'hostler-capture' },
        timeout: 30_000,
        agent: false,
        signal: context.signal,
      });
      request.once('upgrade', (_: IncomingMessage, socket: Duplex, head: Buffer) => {
        if (socket instanceof Socket) socket.setKeepAlive(true, lifeSignMs);
        if (head.length > 0) socket.unshift(head);
        resolve(socket);
      });
      request.once('response', (response) => {
        response.resume();
        resolve(response.statusCode === 410 ? 'over' : `it answers ${response.statusCode ?? ''}`);
      });
      request.once('timeout', () => request.destroy(new Error('no answer')));
      request.once('error', (error) => resolve(error.message));
      request.end();
    });
    if (typeof answer !== 'string' || answer === 'over') return answer;
    reason = answer;
  }
  return reason;
}
