import type { PeerCertificate } from 'node:tls';
import { HostlerError } from '../../shared/errors/error.ts';
import type { AgentIdentity } from '../../shared/identity/names.ts';

/** What this process needs of the agent's identity to speak mutual TLS; PEM texts. */
export interface TlsIdentity {
  /** The agent's own name. */
  readonly name: string;
  readonly key: string;
  readonly certificate: string;
  /** The manager's authority. */
  readonly authority: string;
}

/** Who a certificate says it is (shared/identity/names.ts); undefined when it is not one of ours. The chain was checked before. */
export function identityOf(certificate: PeerCertificate): AgentIdentity | undefined {
  const subject = certificate.subject as Partial<Record<'CN' | 'O' | 'OU', string | string[]>> | undefined;
  if (!subject || typeof subject.CN !== 'string' || subject.O !== 'hostler') return undefined;
  const units = typeof subject.OU === 'string' ? [subject.OU] : (subject.OU ?? []);
  const kinds = units.filter((unit) => unit.startsWith('kind:')).map((unit) => unit.slice('kind:'.length));
  const kind = kinds[0];
  if (kinds.length !== 1 || (kind !== 'node' && kind !== 'service')) return undefined;
  return {
    name: subject.CN,
    kind,
    roles: units.filter((unit) => unit.startsWith('role:')).map((unit) => unit.slice('role:'.length)),
    serial: certificate.serialNumber.toLowerCase().replace(/^0+(?=.)/, ''),
  };
}

/** For `checkServerIdentity`: the server must be this agent, whatever its address. */
export function serverMustBe(agent: string): (host: string, certificate: PeerCertificate) => Error | undefined {
  return (_host, certificate) => {
    const found = identityOf(certificate);
    if (found?.name === agent) return undefined;
    return new HostlerError(
      'unauthenticated',
      `The server is ${found?.name ?? 'no agent of this cluster'}, not ${agent}.`,
    );
  };
}
