import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { normalMac } from '../../../shared/boot/address.ts';
import { entryScript, localScript, waitScript } from '../../../shared/boot/ipxe.ts';
import { printable } from '../../../shared/process/printable.ts';
import type { BootStage } from '../../../shared/task/node-events.ts';
import type { BlobStore } from '../../store/blobs.ts';
import { sendFile, sendText } from '../../store/send-file.ts';
import type { Boots } from './boots.ts';
import { loaderNames } from './loaders.ts';
import { scriptFor, type Lookup } from './lookup.ts';

export interface HttpParts {
  /** As it is now. */
  readonly lookup: () => Lookup | undefined;
  readonly boots: Boots;
  readonly blobs: BlobStore;
  /** PEM of the manager's authority; its fingerprint is on the node's command line. */
  readonly authority: () => string;
  /** Folder of iPXE's programs. */
  readonly loaders: () => string;
  /** Name of this server's agent. */
  readonly agent: string;
  /** Where this server answers. */
  readonly address: string;
}

/** Stages that an initrd may tell; the others are seen by servers or told over the link. */
const told: readonly string[] = ['initrd', 'image', 'switched'];

/**
 * What nodes ask of the boot server before they have a certificate, over plain HTTP: scripts, the files that entries
 * name, the authority's certificate. Nothing secret; whoever can send a packet may ask.
 */
export async function answer(parts: HttpParts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://boot');
  const lookup = parts.lookup();
  if (!lookup) {
    sendText(response, 503, 'this boot server has nothing to serve yet\n');
    return;
  }
  if (url.pathname === '/progress') {
    progress(parts, lookup, request, response, url.searchParams);
    return;
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    sendText(response, 405, 'GET or HEAD\n');
    return;
  }
  const server = { address: parts.address, httpPort: lookup.state.service.httpPort };
  const script = /^\/boot\/([0-9A-Fa-f:-]{12,17})\.ipxe$/.exec(url.pathname)?.[1];
  const blob = /^\/blobs\/([0-9a-f]{64})$/.exec(url.pathname)?.[1];
  const loader = loaderNames.find((name) => url.pathname === `/${name}`);
  if (url.pathname === '/boot.ipxe') sendText(response, 200, entryScript(server));
  else if (script !== undefined) await nodeScript(parts, lookup, request, response, script);
  else if (blob !== undefined) await file(parts, lookup, request, response, blob);
  else if (loader !== undefined) await sendFile(request, response, join(parts.loaders(), loader));
  else if (url.pathname === '/ca.pem') sendText(response, 200, parts.authority());
  else sendText(response, 404, 'not here\n');
}

async function nodeScript(
  parts: HttpParts,
  lookup: Lookup,
  request: IncomingMessage,
  response: ServerResponse,
  asked: string,
): Promise<void> {
  const mac = normalMac(asked);
  if (mac === undefined) {
    sendText(response, 404, 'not a MAC address\n');
    return;
  }
  const found = lookup.byMac(mac);
  if (!found) {
    parts.boots.unknown(mac, `asked for a boot script from ${request.socket.remoteAddress ?? '?'}`);
    const lines = [
      '',
      `Hostler at ${parts.address}: this machine is not known here.`,
      `Its network card is ${mac}. To boot it, define a node with this card and run nodeset:`,
      `  mkdef -t node NAME groups=all mac=${mac} ip=ADDRESS ...`,
      'Asking again every 10 s.',
      '',
    ];
    sendText(response, 200, waitScript({ address: parts.address, httpPort: lookup.state.service.httpPort }, lines));
    return;
  }
  // Only the machine itself begins a boot; somebody else who asks for its script changes nothing.
  if (request.method === 'GET' && lookup.speaking(mac, request.socket.remoteAddress)) {
    await parts.boots.saw({ mac, node: found.name }, { what: 'loader' }, { detail: found.profile.state });
  }
  const { deploy } = found.node;
  const over = deploy !== undefined && (await parts.boots.installed(found.node.macs, deploy));
  sendText(response, 200, over ? localScript('boot') : scriptFor(found, parts.agent));
}

async function file(
  parts: HttpParts,
  lookup: Lookup,
  request: IncomingMessage,
  response: ServerResponse,
  digest: string,
): Promise<void> {
  if (!lookup.mayLoad(digest, Date.now())) {
    sendText(response, 404, 'no node boots this file\n');
    return;
  }
  // A socket whose other end has gone, as it does after the last byte, does not say any more who that was.
  const from = request.socket.remoteAddress;
  const sent = await sendFile(request, response, parts.blobs.path(digest), { tag: digest });
  const found = lookup.byAddress(from);
  const mac = found?.node.macs[0];
  if (found && mac !== undefined && found.profile.kernel === digest && sent > 0) {
    await parts.boots.saw({ mac: parts.boots.latestOf(found.node.macs) ?? mac, node: found.name }, stage('kernel'));
  }
}

function progress(
  parts: HttpParts,
  lookup: Lookup,
  request: IncomingMessage,
  response: ServerResponse,
  words: URLSearchParams,
): void {
  request.resume();
  const mac = normalMac(words.get('mac') ?? '');
  const what = words.get('stage') ?? '';
  const bootId = words.get('boot') ?? '';
  const found = mac === undefined ? undefined : lookup.speaking(mac, request.socket.remoteAddress);
  if (!found || mac === undefined || (what !== 'failed' && !told.includes(what)) || !/^[0-9a-f-]{0,36}$/.test(bootId)) {
    sendText(response, 400, 'not understood\n');
    return;
  }
  const detail = printable((words.get('detail') ?? '').slice(0, 300)).replace(/[\r\n\t]/g, ' ');
  sendText(response, 200, 'ok\n');
  void parts.boots.saw({ mac, node: found.name }, what === 'failed' ? { what: 'failed' } : stage(what as BootStage), {
    bootId,
    detail,
  });
}

function stage(word: BootStage): { what: 'stage'; stage: BootStage } {
  return { what: 'stage', stage: word };
}
