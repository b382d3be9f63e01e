import { X509Certificate, createHash } from 'node:crypto';
import type { PeerCertificate } from 'node:tls';
import { type AgentIdentity, isAgentName, isRole, normalSerial, organisation } from './names.ts';

/** What a TLS socket or a PEM file says; both name the parts of the subject alike. */
type Certificate = PeerCertificate | X509Certificate | string;

/**
 * Who a certificate says its holder is, or undefined when it is not an agent's. Says nothing about trust: the chain
 * must have been checked before (TLS does), and revocation is known to the manager alone.
 */
export function peerIdentity(certificate: Certificate): AgentIdentity | undefined {
  const { subject, serial } = read(certificate);
  const name = only(subject['CN']);
  if (name === undefined || !isAgentName(name) || only(subject['O']) !== organisation) return undefined;
  const units = many(subject['OU']);
  const kinds = units.filter((unit) => unit.startsWith('kind:')).map((unit) => unit.slice(5));
  const [kind] = kinds;
  if (kinds.length !== 1 || (kind !== 'node' && kind !== 'service')) return undefined;
  const roles = units.filter((unit) => unit.startsWith('role:')).map((unit) => unit.slice(5));
  if (!roles.every(isRole)) return undefined;
  return { name, kind, roles, serial };
}

/** The common name, whoever it is; undefined when there is none or more than one. */
export function commonName(certificate: Certificate): string | undefined {
  const { subject } = read(certificate);
  return only(subject['O']) === organisation ? only(subject['CN']) : undefined;
}

/** sha256 of the DER form, lower-case hexadecimal: what tokens and kernel command lines pin. */
export function fingerprintOf(certificate: X509Certificate | string): string {
  const parsed = typeof certificate === 'string' ? new X509Certificate(certificate) : certificate;
  return createHash('sha256').update(parsed.raw).digest('hex');
}

export function isFingerprint(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

function read(certificate: Certificate): { subject: Readonly<Record<string, unknown>>; serial: string } {
  const parsed = typeof certificate === 'string' ? new X509Certificate(certificate) : certificate;
  const plain = parsed instanceof X509Certificate ? parsed.toLegacyObject() : parsed;
  // A socket without a certificate gives an empty object.
  const subject: unknown = plain.subject;
  return {
    subject: typeof subject === 'object' && subject !== null ? (subject as Readonly<Record<string, unknown>>) : {},
    serial: typeof plain.serialNumber === 'string' ? normalSerial(plain.serialNumber) : '',
  };
}

function only(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function many(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}
