import type { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type TLSSocket, connect } from 'node:tls';
import { HostlerError } from '../../shared/errors/error.ts';
import { fingerprintOf } from '../../shared/identity/certificate.ts';
import { managerName } from '../../shared/identity/names.ts';
import { connectTo, parseManagerAddress } from './address.ts';

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
): Promise<string> {
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
    return await readFile(join(dirname(parsed.path), 'authority', 'ca.pem'), 'utf8');
  } catch {
    return shownAuthority(address, () => true, signal);
  }
}

/** The self-signed certificate in the server's chain that the caller accepts. */
async function shownAuthority(
  address: string,
  accept: (certificate: X509Certificate) => boolean,
  signal: AbortSignal,
): Promise<string> {
  const socket = await connectTo(address, signal);
  try {
    const secured = await handshake(
      address,
      connect({ socket, rejectUnauthorized: false, servername: managerName, ALPNProtocols: ['h2'] }),
    );
    for (const certificate of chainOf(secured)) {
      if (certificate.ca && certificate.checkIssued(certificate) && accept(certificate)) return certificate.toString();
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
