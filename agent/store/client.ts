import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { HostlerError } from '../../shared/errors/error.ts';
import { tlsOptionsFor, type TlsIdentity } from '../../shared/identity/tls.ts';
import { storePaths, type BlobRef, type StoreAccess } from '../../shared/task/blob.ts';
import { digestOf } from './digest.ts';
import { syncPath } from '../../shared/files/durable.ts';
import { checkSpace } from './space.ts';
import { receivedHeader } from './upload.ts';

export interface TransferOptions {
  readonly identity: TlsIdentity;
  readonly signal: AbortSignal;
  /** Bytes there so far, of how many. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Attempts in a row that move no byte before the transfer fails. */
const attempts = 8;
/** Bytes of one write. */
const atOnce = 1 << 20;
/** A connection on which nothing moves for so long is given up. */
const stallMilliseconds = 30_000;

/**
 * Fetches `path` of a store (shared/task/blob.ts storePaths) into `file`, by way of `file.part`, and resumes what is
 * there of it when the digest is known. Tries the endpoints in turn, with back-off. Errors: `not_found`,
 * `permission_denied`, `unauthenticated` (another server), `data_loss` (the content is not the digest's, twice), `unavailable`, `resource_exhausted`.
 */
export async function download(
  access: StoreAccess,
  path: string,
  file: string,
  options: TransferOptions & { readonly digest?: string },
): Promise<BlobRef> {
  const partial = `${file}.part`;
  await mkdir(dirname(file), { recursive: true });
  if (options.digest === undefined) await rm(partial, { force: true });
  for (let wrong = 0; ; wrong += 1) {
    await persist(access, options, async (endpoint, moved) => {
      const before = (await stat(partial).catch(() => undefined))?.size ?? 0;
      const resume = options.digest === undefined ? 0 : before;
      const answer = await ask(access, endpoint, options, { method: 'GET', path, ...rangeFrom(resume) });
      if (answer.statusCode === 416) {
        answer.resume();
        if (Number(/\/(\d+)$/.exec(answer.headers['content-range'] ?? '')?.[1]) === resume) return true;
        await rm(partial, { force: true });
        return false;
      }
      await requireStatus(answer, [200, 206], `${access.agent}${path}`);
      const first = answer.statusCode === 206 ? resume : 0;
      const total = first + Number(answer.headers['content-length'] ?? 0);
      await checkSpace(dirname(file), total - first);
      let done = first;
      await pipeline(
        answer,
        async function* (pieces: AsyncIterable<Buffer>) {
          // TLS gives 16 KiB at a time; written so, the file takes longer than the network.
          let held: Buffer[] = [];
          let bytes = 0;
          for await (const piece of pieces) {
            done += piece.length;
            bytes += piece.length;
            held.push(piece);
            moved();
            if (bytes < atOnce) continue;
            options.onProgress?.(done, total);
            yield Buffer.concat(held);
            held = [];
            bytes = 0;
          }
          options.onProgress?.(done, total);
          yield Buffer.concat(held);
        },
        createWriteStream(partial, first === 0 ? { flags: 'w' } : { flags: 'r+', start: first }),
        { signal: options.signal },
      );
      return true;
    });
    const reference = await digestOf(partial, options.signal);
    if (options.digest === undefined || reference.digest === options.digest) {
      await syncPath(partial);
      await rename(partial, file);
      await syncPath(dirname(file));
      return reference;
    }
    await rm(partial, { force: true });
    if (wrong === 0) continue;
    throw new HostlerError(
      'data_loss',
      `What ${access.agent} sent as ${options.digest} is ${reference.digest}. Verify its store.`,
    );
  }
}

/** Puts a file into a store under its digest (computed here); resumes what the store has of it. Errors as `download`. */
export async function upload(access: StoreAccess, file: string, options: TransferOptions): Promise<BlobRef> {
  const blob = await digestOf(file, options.signal);
  const path = storePaths.blob(blob.digest);
  await persist(access, options, async (endpoint, moved) => {
    const head = await ask(access, endpoint, options, { method: 'HEAD', path });
    head.resume();
    if (head.statusCode === 200) return true;
    if (head.statusCode !== 404) await requireStatus(head, [404], `${access.agent}${path}`);
    const first = Math.min(Number(head.headers[receivedHeader.toLowerCase()] ?? 0) || 0, Math.max(blob.bytes - 1, 0));
    const answer = await ask(
      access,
      endpoint,
      options,
      { method: 'PUT', path },
      { file, first, bytes: blob.bytes, moved },
    );
    if (answer.statusCode === 202 || answer.statusCode === 409 || answer.statusCode === 422) {
      answer.resume();
      return false;
    }
    await requireStatus(answer, [201], `${access.agent}${path}`);
    answer.resume();
    return true;
  });
  options.onProgress?.(blob.bytes, blob.bytes);
  return blob;
}

function rangeFrom(first: number): { headers?: Record<string, string> } {
  return first === 0 ? {} : { headers: { Range: `bytes=${first}-` } };
}

/**
 * Runs `once` until it says true: endpoints in turn, growing waits. Gives up after `attempts` failures without a byte
 * moved (`moved`) between them; the caller's signal bounds the whole.
 */
async function persist(
  access: StoreAccess,
  options: TransferOptions,
  once: (endpoint: string, moved: () => void) => Promise<boolean>,
): Promise<void> {
  if (access.endpoints.length === 0) {
    throw new HostlerError('failed_precondition', `The store of ${access.agent} has no address that is known here.`);
  }
  let last: unknown;
  const moved = (): void => {
    attempt = 0;
  };
  let attempt = 0;
  for (; attempt < attempts; attempt += 1) {
    options.signal.throwIfAborted();
    if (attempt > 0) {
      const wait = Math.min(250 * 2 ** (attempt - 1), 10_000) * (0.75 + Math.random() / 2);
      await delay(wait, undefined, { signal: options.signal });
    }
    const endpoint = access.endpoints[attempt % access.endpoints.length] ?? '';
    try {
      if (await once(endpoint, moved)) return;
    } catch (error) {
      options.signal.throwIfAborted();
      const code = error instanceof HostlerError ? error.code : 'unavailable';
      const final = ['permission_denied', 'resource_exhausted', 'invalid_argument'].includes(code);
      // Another address may still be the right server, or have it; asking the same one again would not help.
      const settled = code === 'not_found' || code === 'unauthenticated';
      if (final || (settled && attempt >= access.endpoints.length - 1)) throw error;
      last = error;
    }
  }
  const reason = last instanceof Error ? last.message : 'it did not take the content';
  throw new HostlerError('unavailable', `The store of ${access.agent} cannot be used: ${reason}`, { cause: last });
}

interface Body {
  readonly file: string;
  readonly first: number;
  readonly bytes: number;
  readonly moved: () => void;
}

function ask(
  access: StoreAccess,
  endpoint: string,
  options: TransferOptions,
  asked: { method: string; path: string; headers?: Record<string, string> },
  body?: Body,
): Promise<IncomingMessage> {
  const length = body ? body.bytes - body.first : 0;
  const settings: RequestOptions = {
    ...whereOf(endpoint),
    method: asked.method,
    path: asked.path,
    headers: {
      ...asked.headers,
      ...(body && { 'Content-Length': String(length) }),
      ...(body && length > 0 && { 'Content-Range': `bytes ${body.first}-${body.bytes - 1}/${body.bytes}` }),
    },
    ...tlsOptionsFor(options.identity, access.agent),
    agent: false,
    signal: options.signal,
  };
  return new Promise((resolve, reject) => {
    const request = httpsRequest(settings, resolve);
    request.setTimeout(stallMilliseconds, () => request.destroy(new Error('nothing moved for 30 s')));
    request.on('error', reject);
    if (!body || length === 0) {
      request.end();
      return;
    }
    let done = body.first;
    const source = createReadStream(body.file, { start: body.first, highWaterMark: 256 * 1024 });
    source.on('data', (piece) => {
      done += piece.length;
      options.onProgress?.(done, body.bytes);
    });
    // An answer may come before all is sent (refused): the response decides then, not the broken pipe.
    pipeline(source, request).catch(reject);
  });
}

function whereOf(endpoint: string): RequestOptions {
  if (endpoint.startsWith('unix:')) return { socketPath: endpoint.slice('unix:'.length) };
  const url = new URL(endpoint);
  if (url.protocol !== 'https:') {
    throw new HostlerError('invalid_argument', `Not a store's address: ${endpoint}. It begins with unix: or https:.`);
  }
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 443) };
}

async function requireStatus(answer: IncomingMessage, wanted: readonly number[], what: string): Promise<void> {
  const status = answer.statusCode ?? 0;
  if (wanted.includes(status)) return;
  let text = '';
  for await (const piece of answer as AsyncIterable<Buffer>) {
    if (text.length < 2000) text += piece.toString('utf8');
  }
  const detail = `${what}: ${text.trim().slice(0, 500) || `HTTP status ${status}`}`;
  if (status === 404) throw new HostlerError('not_found', `The store does not have ${detail}`);
  if (status === 403) throw new HostlerError('permission_denied', `The store refused ${detail}`);
  if (status === 507) throw new HostlerError('resource_exhausted', detail);
  throw new HostlerError('unavailable', detail);
}
