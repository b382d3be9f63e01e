import { connect as connectTcp, type Socket } from 'node:net';
import { HostlerError } from '../../shared/errors/error.ts';

/** Where the manager listens. */
export type ManagerAddress = { readonly path: string } | { readonly host: string; readonly port: number };

/** `HOST:PORT`, `[IPV6]:PORT` or `unix:PATH`. Throws `invalid_argument`. */
export function parseManagerAddress(text: string): ManagerAddress {
  const path = /^unix:(.+)$/.exec(text)?.[1];
  if (path !== undefined) return { path };
  const found = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(text);
  const host = found?.[1] ?? found?.[2];
  const port = Number(found?.[3]);
  if (host === undefined || !(port > 0 && port < 65536)) {
    throw new HostlerError('invalid_argument', `'${text}' is no manager address: give HOST:PORT or unix:PATH.`);
  }
  return { host, port };
}

/** An open connection, or an error that says what was tried. */
export function connectTo(text: string, signal: AbortSignal): Promise<Socket> {
  const address = parseManagerAddress(text);
  const socket = connectTcp(address);
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => give(new Error('no answer within 10 s')), 10_000);
    const stop = (): void => give(new Error('stopped'));
    function settle(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
    }
    function give(cause: Error): void {
      settle();
      socket.destroy();
      reject(new HostlerError('unavailable', `Cannot reach the manager at ${text}: ${cause.message}`, { cause }));
    }
    socket.once('error', give);
    socket.once('connect', () => {
      settle();
      socket.off('error', give);
      resolve(socket);
    });
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
  });
}
