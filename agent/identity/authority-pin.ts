import type { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type TLSSocket, connect } from 'node:tls';
import { HostlerError } from '../../shared/errors/error.ts';
import { fingerprintOf, peerIdentity } from '../../shared/identity/certificate.ts';
import { keeperName } from '../../shared/identity/kept-piece.ts';
import { connectTo, parseManagerAddress } from './address.ts';

/** What stands at the manager's address. */
export interface Shown {
  /** The manager's authority certificate, PEM. */
  readonly authority: string;
  /** The relay that answers there, by its certificate of that authority; undefined: the manager itself, or one that was not asked. */
  readonly relay?: string;
}

/**
 * The manager's authority certificate (PEM), before anything is sent to anybody. With a fingerprint (from the join token,
 * or the kernel command line): whatever the server shows, only the certificate with that fingerprint is taken. Without
 * one, only over a Unix socket: from `<manager home>/authority/ca.pem` beside the socket, or, where that is not readable,
 * from whoever owns the socket, once.
 */
export async function learnAuthority(
  address: string,
  fingerprint: string | undefined,
  signal: AbortSignal,
): Promise<Shown> {
  const parsed = parseManagerAddress(address);
  if (fingerprint !== undefined)
    return shownAuthority(address, (shown) => fingerprintOf(shown) === fingerprint, signal);
  if (!('path' in parsed)) {
    throw new HostlerError(
      'failed_precondition',
      "The token does not say which manager it belongs to. Paste it whole, as 'hostler agents token' printed it.",
    );
  }
  try {
    return { authority: await readFile(join(dirname(parsed.path), 'authority', 'ca.pem'), 'utf8') };
  } catch {
    return shownAuthority(address, () => true, signal);
  }
}

/** Which relay stands at the manager's address now, for one that knows the authority; undefined: none, or nobody answers. */
export async function relayAt(address: string, authority: string, signal: AbortSignal): Promise<string | undefined> {
  if ('path' in parseManagerAddress(address)) return undefined;
  const known = fingerprintOf(authority);
  try {
    return (await shownAuthority(address, (shown) => fingerprintOf(shown) === known, signal)).relay;
  } catch {
    return undefined; // Whoever asks next says so.
  }
}

/** The self-signed certificate in the server's chain that the caller accepts. A relay answers for itself, by its keeper's name. */
async function shownAuthority(
  address: string,
  accept: (certificate: X509Certificate) => boolean,
  signal: AbortSignal,
): Promise<Shown> {
  const socket = await connectTo(address, signal);
  try {
    const secured = await handshake(
      address,
      connect({ socket, rejectUnauthorized: false, servername: keeperName, ALPNProtocols: ['h2', 'http/1.1'] }),
    );
    const chain = chainOf(secured);
    const authority = chain.find((one) => one.ca && one.checkIssued(one) && accept(one));
    if (authority !== undefined) {
      const relay = relayIn(chain[0], authority);
      return { authority: authority.toString(), ...(relay !== undefined && { relay }) };
    }
  } finally {
    socket.destroy();
  }
  throw new HostlerError(
    'unauthenticated',
    `Whoever answers at ${address} is not the manager that the token (or the boot) names; nothing was sent. ` +
      `Is the address right, and the token from this manager?`,
  );
}

function handshake(address: string, socket: TLSSocket): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void => {
      clearTimeout(timer);
      reject(new HostlerError('unavailable', `No TLS with the manager at ${address}: ${cause.message}`, { cause }));
    };
    const timer = setTimeout(() => fail(new Error('no handshake within 10 s')), 10_000);
    socket.on('error', fail);
    socket.once('close', () => fail(new Error('the connection was closed')));
    socket.once('secureConnect', () => {
      clearTimeout(timer);
      resolve(socket);
    });
  });
}

function chainOf(socket: TLSSocket): X509Certificate[] {
  const chain: X509Certificate[] = [];
  let next = socket.getPeerX509Certificate();
  while (next !== undefined && chain.length < 4) {
    chain.push(next);
    next = next.issuerCertificate;
  }
  return chain;
}

/** The name of a relay, when the certificate is one's, of that authority and valid now. */
function relayIn(shown: X509Certificate | undefined, authority: X509Certificate): string | undefined {
  if (shown === undefined || !shown.checkIssued(authority) || !shown.verify(authority.publicKey)) return undefined;
  const now = Date.now();
  if (now < Date.parse(shown.validFrom) || now > Date.parse(shown.validTo)) return undefined;
  const who = peerIdentity(shown);
  return who?.roles.includes('relay') === true ? who.name : undefined;
}
