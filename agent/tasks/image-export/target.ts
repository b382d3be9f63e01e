import { normalize } from 'node:path';
import { HostlerError } from '../../../shared/errors/error.ts';
import { absolutePath } from '../image-tree/fields.ts';

/** Where people keep lists and scripts of images; anything else on the machine is not a bundle's business. */
const allowed = ['/opt/', '/srv/', '/tmp/', '/var/tmp/', '/home/', '/root/', '/usr/share/', '/usr/local/share/'];
/** Programs and data of this product, but for its lists. */
const own = /^\/opt\/hostler\/(?!share\/)/;

/**
 * Where a file of a bundle is put back: the path that the bundle names. Throws `invalid_argument` for what no image has
 * there, such as keys, start files of shells (hidden ones, all of them), programs.
 */
export function checkedTarget(path: string, installDir: string): string {
  const plain = normalize(absolutePath(path, 'A file of the bundle'));
  const folder = [`${installDir}/`, '/install/', ...allowed].find((one) => plain.startsWith(one));
  const rest = plain.slice(folder?.length ?? 0);
  const hidden = rest.split('/').some((name) => name.startsWith('.'));
  if (folder !== undefined && !path.split('/').includes('..') && !hidden && !own.test(plain)) return plain;
  throw new HostlerError(
    'invalid_argument',
    `The bundle wants ${JSON.stringify(path.slice(0, 200))} to be written, which no image needs. Import it with -f PROFILE: its files then go to a folder of their own.`,
  );
}
