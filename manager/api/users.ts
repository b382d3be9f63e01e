import { readFileSync } from 'node:fs';
import { HostlerError } from '../../shared/errors/error.ts';

export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

function* localUsers(file: string): Generator<User> {
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const [name, , uid, gid] = line.split(':');
    if (name && /^\d+$/.test(uid ?? '') && /^\d+$/.test(gid ?? '')) yield { name, uid: Number(uid), gid: Number(gid) };
  }
}

/** The user's name; `uid:1234` for one who stands in no local file (a directory service is not asked). */
export function userName(uid: number, file = '/etc/passwd'): string {
  for (const user of localUsers(file)) if (user.uid === uid) return user.name;
  return `uid:${uid}`;
}

/** The user of a name or of a number, as `--user` takes them. Throws not_found. */
export function findUser(nameOrUid: string, file = '/etc/passwd'): User {
  for (const user of localUsers(file)) {
    if (user.name === nameOrUid || String(user.uid) === nameOrUid) return user;
  }
  if (/^\d{1,9}$/.test(nameOrUid)) {
    const uid = Number(nameOrUid);
    return { name: `uid:${uid}`, uid, gid: uid };
  }
  throw new HostlerError(
    'not_found',
    `There is no user '${nameOrUid}' on this machine. Make one, or name another with --user.`,
  );
}
