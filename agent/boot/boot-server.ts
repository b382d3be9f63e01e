import { request as httpRequest } from 'node:http';
import type { IncomingMessage, RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { PeerCertificate } from 'node:tls';
import { HostlerError } from '../../shared/errors/error.ts';
import { claimPath } from '../../shared/identity/boot-token.ts';
import type { ClaimReply, ClaimRequest } from '../../shared/identity/boot-token.ts';
import { fingerprintOf, peerIdentity } from '../../shared/identity/certificate.ts';
import { serverTlsOptionsFor, type TlsIdentity } from '../../shared/identity/tls.ts';
import { printable } from '../../shared/process/printable.ts';
import { mostNodeFiles, nodeFilesPath } from '../../shared/task/node-files.ts';
import type { BootWords } from './kernel-words.ts';

const longestAnswer = 64 * 1024;
/** Base64 and a little more. */
const longestNodeFiles = mostNodeFiles * 2;
const timeoutMs = 20_000;

/**
 * The authority's certificate, PEM, fetched by plain HTTP and believed only because its fingerprint is the one on the
 * kernel command line. Throws `unauthenticated` when it is not, `unavailable` when nobody answers.
 */
export async function fetchAuthority(words: BootWords, signal: AbortSignal): Promise<string> {
  const url = new URL('/ca.pem', words.server);
  const { status, text } = await ask((options, answered) => httpRequest(url, options, answered), { signal }, url.href);
  if (status !== 200)
    throw new HostlerError('unavailable', `The boot server answered ${url.href} with HTTP ${status}.`);
  let found: string;
  try {
    found = fingerprintOf(text);
  } catch (cause) {
    throw new HostlerError('unauthenticated', `What the boot server gives as ${url.href} is no certificate.`, {
      cause,
    });
  }
  if (found === words.authority) return text;
  throw new HostlerError(
    'unauthenticated',
    `The authority of the boot server ${words.server} is not the one that the kernel command line names (${found}).`,
  );
}

/**
 * Claims the token of this boot, over TLS, from a server whose certificate says that it is a boot server of this
 * authority. Throws `permission_denied` with the server's reason, `unavailable` when nobody answers.
 */
export async function claimToken(
  words: BootWords,
  authority: string,
  claim: ClaimRequest,
  signal: AbortSignal,
): Promise<ClaimReply> {
  const url = new URL(claimPath, words.secure);
  const body = JSON.stringify(claim);
  const tls = {
    ca: authority,
    minVersion: 'TLSv1.2' as const,
    rejectUnauthorized: true,
    checkServerIdentity: mustBeBootServer,
    agent: false as const,
  };
  const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) };
  const options = { method: 'POST', headers, signal };
  const send: Send = (more, answered) => httpsRequest(url, { ...tls, ...more }, answered);
  const { status, text } = await ask(send, options, url.href, body);
  if (status === 403) {
    const reason = printable(text.trim()).slice(0, 300);
    throw new HostlerError('permission_denied', `The boot server refuses this machine (${claim.mac}): ${reason}`);
  }
  if (status !== 200)
    throw new HostlerError('unavailable', `The boot server answered ${url.href} with HTTP ${status}.`);
  return parseReply(text);
}

/**
 * What must not lie in the image that this node runs, as JSON; undefined when there is nothing. The node shows the
 * certificate of this boot. Throws `permission_denied`, `unavailable`.
 */
export async function fetchNodeFiles(
  words: BootWords,
  identity: TlsIdentity,
  signal: AbortSignal,
): Promise<string | undefined> {
  const url = new URL(nodeFilesPath, words.secure);
  const tls = { ...serverTlsOptionsFor(identity), rejectUnauthorized: true, agent: false as const };
  const send: Send = (more, answered) =>
    httpsRequest(url, { ...tls, checkServerIdentity: mustBeBootServer, ...more }, answered);
  const { status, text } = await ask(send, { signal }, url.href, undefined, longestNodeFiles);
  if (status === 204) return undefined;
  if (status === 200) return text;
  const code = status === 403 ? 'permission_denied' : 'unavailable';
  throw new HostlerError(
    code,
    `The boot server answered ${url.href} with HTTP ${status}: ${text.trim().slice(0, 200)}`,
  );
}

function mustBeBootServer(_address: string, certificate: PeerCertificate): Error | undefined {
  const identity = peerIdentity(certificate);
  // A service node may itself have booted from the network; the manager alone writes roles into certificates.
  if (identity?.roles.includes('boot') === true) return undefined;
  const who = identity === undefined ? 'nobody we know' : `${identity.name}, which is no boot server`;
  return new HostlerError('unauthenticated', `The server that should hand out boot tokens is ${who}.`);
}

function parseReply(text: string): ClaimReply {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) {
      const { node, token, manager } = value as Partial<Record<keyof ClaimReply, unknown>>;
      if (typeof node === 'string' && typeof token === 'string' && typeof manager === 'string')
        return { node, token, manager };
    }
  } catch {
    // said below
  }
  throw new HostlerError('unavailable', 'The boot server gave something else than a boot token.');
}

type Send = (options: RequestOptions, answered: (answer: IncomingMessage) => void) => ReturnType<typeof httpRequest>;

function ask(
  send: Send,
  options: RequestOptions,
  what: string,
  body?: string,
  longest = longestAnswer,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void => {
      if (cause instanceof HostlerError) reject(cause);
      else reject(new HostlerError('unavailable', `${what} does not answer: ${cause.message}`, { cause }));
    };
    const request = send(options, (answer) => {
      const pieces: Buffer[] = [];
      let length = 0;
      answer.on('data', (piece: Buffer) => {
        length += piece.length;
        if (length > longest) request.destroy(new Error('the answer is too long'));
        else pieces.push(piece);
      });
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(pieces).toString('utf8') }));
      answer.on('error', fail);
    });
    const late = setTimeout(() => request.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)), timeoutMs);
    request.on('error', fail);
    request.on('close', () => clearTimeout(late));
    request.end(body);
  });
}
