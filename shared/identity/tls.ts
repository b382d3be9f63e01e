import type { PeerCertificate, SecureVersion } from 'node:tls';
import { HostlerError } from '../errors/error.ts';
import { commonName } from './certificate.ts';

/** What TLS needs to know of an identity: PEM texts. */
export interface TlsIdentity {
  readonly key: string;
  readonly certificate: string;
  /** The manager's authority. */
  readonly authority: string;
}

const lowest: SecureVersion = 'TLSv1.2';

/**
 * Options for `https.request`, `tls.connect` and the like: shows our certificate, accepts a server only when the
 * authority signed its certificate and its common name is `expectedPeerName`, whatever address it was reached at.
 */
export function tlsOptionsFor(identity: TlsIdentity, expectedPeerName: string) {
  return {
    ...serverTlsOptionsFor(identity),
    rejectUnauthorized: true,
    servername: expectedPeerName,
    checkServerIdentity: (_address: string, certificate: PeerCertificate): Error | undefined =>
      checkPeerName(expectedPeerName, certificate),
  };
}

/** Options for `https.createServer`: add `requestCert: true` (and `rejectUnauthorized: true` to serve agents alone). */
export function serverTlsOptionsFor(identity: TlsIdentity) {
  return {
    key: identity.key,
    cert: identity.certificate,
    ca: identity.authority,
    minVersion: lowest,
  };
}

/** For a client that has no certificate yet and knows the authority. */
export function anonymousTlsOptionsFor(authority: string, expectedPeerName: string) {
  return {
    ca: authority,
    minVersion: lowest,
    rejectUnauthorized: true,
    servername: expectedPeerName,
    checkServerIdentity: (_address: string, certificate: PeerCertificate): Error | undefined =>
      checkPeerName(expectedPeerName, certificate),
  };
}

export function checkPeerName(expected: string, certificate: PeerCertificate): Error | undefined {
  const name = commonName(certificate);
  if (name === expected) return undefined;
  return new HostlerError(
    'unauthenticated',
    `The server's certificate says '${name ?? 'nobody we know'}', expected '${expected}'; nothing was sent to it.`,
  );
}
