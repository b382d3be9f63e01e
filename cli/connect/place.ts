import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { HostlerError } from '../../shared/errors/error.ts';

/** Where the manager answers: on the socket in its home, or far away. */
export type ManagerPlace =
  | { readonly kind: 'socket'; readonly home: string; readonly path: string }
  | { readonly kind: 'remote'; readonly host: string; readonly port: number; readonly identity: string };

/** Home of a manager that systemd runs. */
const systemHome = '/var/lib/hostler';

export function socketOf(home: string): string {
  return join(home, 'manager.sock');
}

/**
 * HOSTLER_MANAGER (HOST:PORT) before HOSTLER_HOME before ~/.hostler before the system's manager.
 * Throws `invalid_argument` for an address that is none.
 */
export function managerPlace(environment: NodeJS.ProcessEnv): ManagerPlace {
  const remote = environment['HOSTLER_MANAGER'];
  if (remote !== undefined && remote !== '') return remotePlace(remote, environment);
  const given = environment['HOSTLER_HOME'];
  if (given !== undefined && given !== '') return socketPlace(resolve(given));
  const own = join(homedir(), '.hostler');
  return socketPlace(!existsSync(socketOf(own)) && existsSync(socketOf(systemHome)) ? systemHome : own);
}

function socketPlace(home: string): ManagerPlace {
  return { kind: 'socket', home, path: socketOf(home) };
}

function remotePlace(text: string, environment: NodeJS.ProcessEnv): ManagerPlace {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port < 1 || port > 65535) {
    throw new HostlerError(
      'invalid_argument',
      `HOSTLER_MANAGER is '${text}'; it must be HOST:PORT, such as mgmt.example.org:7440.`,
    );
  }
  const identity = environment['HOSTLER_IDENTITY'] ?? join(homedir(), '.hostler', 'identity');
  return { kind: 'remote', host: match[1] ?? match[2] ?? '', port, identity };
}

/** For sentences: "No manager answers at ...". */
export function placeName(place: ManagerPlace): string {
  return place.kind === 'socket' ? place.path : `${place.host}:${String(place.port)}`;
}
