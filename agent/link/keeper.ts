import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import type { PeerCertificate } from 'node:tls';
import { HostlerError } from '../../shared/errors/error.ts';
import { commonName, peerIdentity } from '../../shared/identity/certificate.ts';
import { keeperName, keptPath, signKept } from '../../shared/identity/kept-piece.ts';
import { managerName } from '../../shared/identity/names.ts';
import { tlsOptionsFor } from '../../shared/identity/tls.ts';
import { keptPieceCodec, keptReportsCodec } from '../../shared/wire/definitions.ts';
import { parseManagerAddress } from '../identity/address.ts';
import type { Identity } from '../identity/identity-files.ts';
import type { Carrier } from './link.ts';

/** How long a keeper may take to answer, in milliseconds. */
const patience = 10_000;

/** The part of a carrier that lays reports down. */
export type Keeping = Pick<Carrier, 'keep' | 'canKeep'>;

/**
 * The keeper of the relay that stands at the manager's address, if one does: asked for by name on the same port. Who shows
 * the manager's own certificate there is none, and is not asked again.
 */
export function keeperAt(manager: string, identity: () => Identity): Required<Keeping> {
  const address = parseManagerAddress(manager);
  let isManager = 'path' in address;
  let isKnown = false;
  // One connection for several pieces; closed by the relay soon after the last.
  const agent = new Agent({ keepAlive: true, maxSockets: 1, maxCachedSessions: 0 });

  function check(_name: string, certificate: PeerCertificate): Error | undefined {
    if (commonName(certificate) === managerName) isManager = true;
    if (peerIdentity(certificate)?.roles.includes('relay') === true) return undefined;
    return new HostlerError('unauthenticated', `Whoever answers at ${manager} is no relay; nothing was sent to it.`);
  }

  async function ask(method: 'GET' | 'POST', body?: Uint8Array): Promise<IncomingMessage> {
    const options = { ...address, ...tlsOptionsFor(identity(), keeperName), checkServerIdentity: check };
    const asked = request({ ...options, agent, method, path: keptPath, signal: AbortSignal.timeout(patience) });
    // Also of what comes after the answer began.
    asked.on('error', () => undefined);
    asked.end(body);
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    return answer;
  }

  return {
    async canKeep() {
      if (isManager || isKnown) return isKnown;
      try {
        const answer = await ask('GET');
        answer.resume();
        isKnown = answer.statusCode === 204;
        return isKnown;
      } catch {
        return false; // The relay is away as well.
      }
    },
    async keep(incarnation, messages) {
      const { key, serial } = identity();
      const reports = keptReportsCodec.encode({ incarnation, messages: [...messages] });
      const piece = keptPieceCodec.encode({ reports, signature: signKept(key, serial, reports) });
      let answer: IncomingMessage;
      try {
        answer = await ask('POST', piece);
      } catch (cause) {
        isKnown = false;
        const why = cause instanceof Error ? cause.message : String(cause);
        throw new HostlerError('unavailable', `The relay at ${manager} does not keep reports: ${why}`, { cause });
      }
      const said = await textOf(answer);
      if (answer.statusCode === 204) return;
      const code = answer.statusCode === 507 ? 'resource_exhausted' : 'failed_precondition';
      throw new HostlerError(code, said === '' ? `The relay at ${manager} does not keep reports.` : said);
    },
  };
}

/** What a refusal says, cut. */
async function textOf(answer: IncomingMessage): Promise<string> {
  let text = '';
  for await (const piece of answer as AsyncIterable<Buffer>) if (text.length < 1000) text += piece.toString('utf8');
  return text.slice(0, 1000).trim();
}
