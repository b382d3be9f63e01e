import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { HostlerError } from '../../../shared/errors/error.ts';

/** Names another folder of shipped files; for packagers. */
const variable = 'HOSTLER_SHARE';

/**
 * A file that is shipped with the programs, in `share/` beside them or in a folder above (`/opt/hostler/share`,
 * `dist/share`, the project's own `share` when run from source).
 */
export function shareFile(path: string): string {
  const named = process.env[variable];
  const folders =
    named !== undefined && named !== ''
      ? [named]
      : starts().flatMap((start) => above(start).map((f) => join(f, 'share')));
  for (const folder of folders) {
    const file = join(folder, path);
    if (existsSync(file)) return file;
  }
  throw new HostlerError(
    'failed_precondition',
    `The file share/${path} that belongs to Hostler was not found beside its programs. Install it again, or name its folder in ${variable}.`,
  );
}

function starts(): string[] {
  const program = process.argv[1];
  const found: string[] = [];
  if (program !== undefined && existsSync(program)) found.push(dirname(realpathSync(program)));
  // A bundle in another module format has no address of its own; the program's place is enough there.
  const own = import.meta.url;
  if (own.startsWith('file:')) found.push(dirname(fileURLToPath(own)));
  return found;
}

function above(folder: string): string[] {
  const found: string[] = [];
  for (let at = folder, level = 0; level < 5; at = dirname(at), level += 1) found.push(at);
  return found;
}
