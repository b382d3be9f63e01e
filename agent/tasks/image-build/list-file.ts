import { readFile, stat } from 'node:fs/promises';
import { HostlerError } from '../../../shared/errors/error.ts';

/** No list that a person keeps is longer. */
const mostBytes = 16 << 20;

/** The text of a list that an attribute names. Throws what `readFile` throws, and `invalid_argument` for what is no list. */
export async function readListFile(path: string): Promise<string> {
  // Looked at before it is opened: opening a pipe would wait for ever.
  const info = await stat(path);
  if (!info.isFile()) throw new HostlerError('invalid_argument', `The list ${path} is not an ordinary file.`);
  if (info.size > mostBytes)
    throw new HostlerError('invalid_argument', `The list ${path} is longer than ${mostBytes >> 20} MiB.`);
  return readFile(path, 'utf8');
}
