import type { IncomingMessage, ServerResponse } from 'node:http';
import { normalMac } from '../../../shared/boot/address.ts';
import { bootTokenSeconds, signBootToken, type ClaimReply } from '../../../shared/identity/boot-token.ts';
import { sendText } from '../../store/send-file.ts';
import { readBody } from './body.ts';
import type { Boots } from './boots.ts';
import type { Lookup } from './lookup.ts';

export interface ClaimParts {
  readonly lookup: () => Lookup | undefined;
  readonly boots: Boots;
  /** Agent name of this boot server. */
  readonly server: string;
  /** PEM of this agent's key, which the manager trusts for boot tokens by the role `boot` in its certificate. */
  readonly key: () => string;
  readonly log: (line: string) => void;
}

const longestBody = 4096;

/**
 * POST /claim (shared/identity/boot-token.ts): one token for each boot that was served to a MAC, to the node's own
 * address only. 200 with ClaimReply, 400 not understood, 403 refused with the reason in plain text.
 */
export async function answerClaim(
  parts: ClaimParts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const asked = await readClaim(request);
  const from = request.socket.remoteAddress ?? '';
  const lookup = parts.lookup();
  if (!asked || !lookup) {
    sendText(response, asked ? 503 : 400, asked ? 'nothing is served here yet\n' : 'needs JSON with mac and bootId\n');
    return;
  }
  const found = lookup.byMac(asked.mac);
  const refuse = (reason: string): void => {
    parts.log(`claim refused: ${asked.mac} (${found?.name ?? 'unknown'}) from ${from}: ${reason}`);
    if (found)
      parts.boots.trouble('refused', { mac: asked.mac, node: found.name }, `${reason} (from ${from})`, asked.bootId);
    else parts.boots.unknown(asked.mac, `claimed a boot token from ${from}`);
    sendText(response, 403, `${reason}\n`);
  };
  if (!found) {
    refuse('no node has this MAC');
    return;
  }
  if (!lookup.speaking(asked.mac, from)) {
    refuse(`this is not the address of ${found.name}`);
    return;
  }
  if (!found.profile.authorise) {
    refuse(`${found.name} is not to boot an image`);
    return;
  }
  const answer = await parts.boots.claim({ mac: asked.mac, node: found.name }, asked.bootId);
  if (answer.outcome === 'refused') {
    refuse(answer.reason);
    return;
  }
  const issuedAt = Date.now();
  const reply: ClaimReply = {
    node: found.name,
    manager: lookup.managerFor(found),
    token: signBootToken(
      {
        node: found.name,
        mac: asked.mac,
        bootId: asked.bootId,
        server: parts.server,
        id: answer.token,
        issuedAt,
        expiresAt: issuedAt + bootTokenSeconds * 1000,
      },
      parts.key(),
    ),
  };
  response.setHeader('Cache-Control', 'no-store');
  sendText(response, 200, `${JSON.stringify(reply)}\n`);
}

async function readClaim(request: IncomingMessage): Promise<{ mac: string; bootId: string } | undefined> {
  const body = await readBody(request, longestBody);
  try {
    const value: unknown = JSON.parse(body ?? '');
    if (typeof value !== 'object' || value === null) return undefined;
    const { mac, bootId } = value as Partial<Record<'mac' | 'bootId', unknown>>;
    if (typeof mac !== 'string' || typeof bootId !== 'string') return undefined;
    const normal = normalMac(mac);
    return normal !== undefined && /^[0-9a-f-]{8,64}$/.test(bootId) ? { mac: normal, bootId } : undefined;
  } catch {
    return undefined;
  }
}
