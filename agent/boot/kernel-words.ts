import { HostlerError } from '../../shared/errors/error.ts';
import { kernelWords } from '../../shared/identity/boot-token.ts';
import { isFingerprint } from '../../shared/identity/certificate.ts';
import { isAgentName } from '../../shared/identity/names.ts';

/** What the kernel command line tells a node about its boot server. */
export interface BootWords {
  /** `http://ADDRESS:PORT` */
  readonly server: string;
  /** `https://ADDRESS:PORT` */
  readonly secure: string;
  /** sha256 of the authority's certificate. */
  readonly authority: string;
  /** Empty when it is not told. */
  readonly node: string;
}

/** Reads `/proc/cmdline`. Throws `failed_precondition` when this machine was not booted by a boot server of ours. */
export function parseKernelWords(commandLine: string): BootWords {
  const words = new Map<string, string>();
  for (const word of commandLine.trim().split(/\s+/)) {
    const at = word.indexOf('=');
    if (at > 0) words.set(word.slice(0, at), word.slice(at + 1));
  }
  const secure = words.get(kernelWords.secure) ?? '';
  const server = words.get(kernelWords.server) ?? '';
  const authority = words.get(kernelWords.authority) ?? '';
  const node = words.get(kernelWords.node) ?? '';
  if (!isAddress(server, 'http:')) throw missing(`${kernelWords.server}=http://ADDRESS:PORT`);
  if (!isAddress(secure, 'https:')) throw missing(`${kernelWords.secure}=https://ADDRESS:PORT`);
  if (!isFingerprint(authority)) throw missing(`${kernelWords.authority}=SHA256`);
  return { server, secure, authority, node: isAgentName(node) ? node : '' };
}

function isAddress(text: string, protocol: string): boolean {
  try {
    const url = new URL(text);
    return url.protocol === protocol && url.hostname !== '' && url.pathname === '/' && url.username === '';
  } catch {
    return false;
  }
}

function missing(word: string): HostlerError {
  const how = 'Was this machine booted by a Hostler boot server?';
  return new HostlerError('failed_precondition', `The kernel command line does not say ${word}. ${how}`);
}
