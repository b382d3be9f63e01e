import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AgentIdentity } from '../../../shared/identity/names.ts';
import type { BlobStore } from '../../store/blobs.ts';
import { sendFile, sendText } from '../../store/send-file.ts';
import type { Lookup } from './lookup.ts';

/**
 * GET /node-files: what must not lie in the image that this node is to run, to the node itself and nobody else: it is
 * known by its certificate, and the image by what nodeset said. 204: there is nothing.
 */
export async function answerNodeFiles(
  { lookup, blobs }: { readonly lookup: Lookup | undefined; readonly blobs: BlobStore },
  request: IncomingMessage,
  response: ServerResponse,
  peer: AgentIdentity | undefined,
): Promise<void> {
  if (request.method !== 'GET') {
    sendText(response, 405, 'GET\n');
    return;
  }
  if (peer?.kind !== 'node') {
    sendText(response, 403, 'needs the certificate of a node that booted\n');
    return;
  }
  const profile = lookup?.byName(peer.name);
  if (profile === undefined) {
    sendText(response, 404, 'no image is served to this node\n');
    return;
  }
  response.setHeader('Cache-Control', 'no-store');
  if (profile.files === undefined) {
    response.statusCode = 204;
    response.end();
  } else await sendFile(request, response, blobs.path(profile.files));
}
